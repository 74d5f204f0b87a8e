import type { Model, Report } from "../contract";
import { picks } from "../queries";
import { source } from "../source";
import type { Look } from "../state";
import { wondered } from "../why";
import { Icon } from "./Icon";
import { titleOf, valueOf } from "./names";

interface Props {
  report: Report;
  model: Model;
  look: Look;
  today: string;
  change: (to: Partial<Look>) => void;
}

/** What was clicked, which filters the other tiles. */
export function Chips({ report, model, look, today, change }: Props) {
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
  const ownOf = (id: string) => look.chips.filter(({ tile }) => tile === id).map(({ asked, values }) => ({ asked, values }));
  // Chips of one tile are of one mark: it is asked about by the last of them.
  const whyOf = ({ tile: id, isDrill, ...pick }: (typeof all)[number], at: number) => {
    const tile = report.tiles.find((tile) => tile.id === id);
    const isLast = !all.slice(at + 1).some((other) => other.tile === id && !other.isDrill);
    if (!tile || source.made || (!isDrill && !isLast)) return undefined;
    return wondered(report, model, look, today, tile, isDrill ? [pick] : ownOf(id));
  };
  return (
    <ul class="chips" aria-label="Selected in the tiles">
      {all.map((pick, at) => {
        const why = whyOf(pick, at);
        const text = `${titleOf(model, pick.asked)}: ${pick.values.map((value) => valueOf(model, pick.asked, value)).join(", ")}`;
        return (
          <li key={`${pick.tile} ${pick.asked}`}>
            <button type="button" class="chip" aria-label={`Remove ${text}`} onClick={() => remove(pick)}>
              {text}
              <Icon name="close" />
            </button>
            {why && (
              <button type="button" class="plain" aria-label={`Why? ${text}`} onClick={() => change({ why })}>
                Why?
              </button>
            )}
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
