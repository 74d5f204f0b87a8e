import type { Model, Report } from "../contract";
import { picks } from "../queries";
import type { Look } from "../state";
import { Icon } from "./Icon";
import { titleOf, valueOf } from "./names";

interface Props {
  report: Report;
  model: Model;
  look: Look;
  change: (to: Partial<Look>) => void;
}

/** What was clicked, which filters the other tiles. */
export function Chips({ report, model, look, change }: Props) {
  const all = picks(report, look);
  if (all.length === 0) return null;
  const remove = ({ tile, asked, isDrill, values }: (typeof all)[number]) => {
    if (!isDrill) return change({ chips: look.chips.filter((chip) => chip.tile !== tile || chip.asked !== asked) });
    const level = (look.drill[tile] ?? []).indexOf(values[0] ?? null);
    const { [tile]: path = [], ...others } = look.drill;
    return change({
      drill: level > 0 ? { ...others, [tile]: path.slice(0, level) } : others,
      chips: look.chips.filter((chip) => chip.tile !== tile),
    });
  };
  return (
    <ul class="chips" aria-label="Selected in the tiles">
      {all.map((pick) => {
        const text = `${titleOf(model, pick.asked)}: ${pick.values.map((value) => valueOf(model, pick.asked, value)).join(", ")}`;
        return (
          <li key={`${pick.tile} ${pick.asked}`}>
            <button type="button" class="chip" aria-label={`Remove ${text}`} onClick={() => remove(pick)}>
              {text}
              <Icon name="close" />
            </button>
          </li>
        );
      })}
      {all.length > 1 && (
        <li>
          <button type="button" class="plain" onClick={() => change({ chips: [], drill: {} })}>
            Remove all
          </button>
        </li>
      )}
    </ul>
  );
}
