import type { Model, Tile } from "../contract";
import type { Look } from "../state";
import { titleOf, valueOf } from "./names";

interface Props {
  tile: Tile;
  model: Model;
  look: Look;
  change: (to: Partial<Look>) => void;
}

/** The levels of a tile: those above can be gone back to. */
export function Breadcrumbs({ tile: { id, title, drill = [] }, model, look, change }: Props) {
  const path = (look.drill[id] ?? []).slice(0, drill.length - 1);
  const up = (level: number) => {
    const { [id]: _, ...others } = look.drill;
    change({
      drill: level === 0 ? others : { ...others, [id]: path.slice(0, level) },
      chips: look.chips.filter((chip) => chip.tile !== id),
    });
  };
  return (
    <nav class="crumbs" aria-label={`${title}: levels`}>
      <ol>
        {drill.map((asked, level) => {
          const words = titleOf(model, asked);
          if (level > path.length)
            return (
              <li key={asked} class="below">
                {words}
              </li>
            );
          if (level === path.length)
            return (
              <li key={asked} aria-current="step">
                {words}
              </li>
            );
          return (
            <li key={asked}>
              <button type="button" class="plain" onClick={() => up(level)}>
                {words}: {valueOf(model, asked, path[level] ?? null)}
              </button>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
