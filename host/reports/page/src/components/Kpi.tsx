import type { Range, Result, Tile } from "../contract";
import { label } from "../charts/points";
import { cell, change, days, short } from "../format";
import { column } from "../queries";

interface Props {
  tile: Tile;
  result: Result;
  previous: Result | null;
  isCompared: boolean;
  range: Range | undefined;
  onWhy?: (() => void) | undefined;
}

/** A figure, and how it moved. */
export function Kpi({ tile, result, previous, isCompared, range, onWhy }: Props) {
  const figures = tile.measures.flatMap((name) => {
    const at = result.columns.findIndex((one) => one.name === column(name));
    const of = result.columns[at];
    const was = previous?.columns.findIndex((one) => one.name === column(name)) ?? -1;
    return of ? [{ of, value: result.rows[0]?.[at] ?? null, before: previous?.rows[0]?.[was] ?? null }] : [];
  });
  const [main, ...others] = figures;
  if (!main) return <p class="empty">Nothing was answered.</p>;
  const { of, value, before } = main;
  return (
    <div class="kpi">
      <div class="line">
        <p class="figure" data-testid="figure" title={cell(value, of)}>
          {typeof value === "number" && Math.abs(value) >= 1e7 ? short(value, of.format, true) : cell(value, of)}
        </p>
        {tile.compare && onWhy && (
          <button type="button" class="plain" aria-label={`Why? ${tile.title}`} onClick={onWhy}>
            Why?
          </button>
        )}
      </div>
      {tile.compare && <Moved value={value} before={before} column={of} tile={tile} range={range} isKnown={isCompared} />}
      {others.map((one) => (
        <p class="soft" key={one.of.name}>
          {label(one.of)}: {cell(one.value, one.of)}
        </p>
      ))}
    </div>
  );
}

function Moved({
  value,
  before,
  column,
  tile,
  range,
  isKnown,
}: {
  value: unknown;
  before: unknown;
  column: Result["columns"][number];
  tile: Tile;
  range: Range | undefined;
  isKnown: boolean;
}) {
  // The line is kept for it while it is waited for.
  if (!range || !isKnown) return <p class="moved soft">{range ? "\u00A0" : "No dates to compare with"}</p>;
  const text = typeof value === "number" && typeof before === "number" ? change(value, before, column.format) : undefined;
  if (text === undefined) return <p class="moved soft">No value in {days(range)}</p>;
  const sign = Math.sign((value as number) - (before as number));
  const isGood = tile.good && sign !== 0 ? sign > 0 === (tile.good === "up") : undefined;
  const kind = isGood === undefined ? "" : isGood ? "good" : "bad";
  return (
    <p class="moved" title={`${cell(before as number, column)} in ${days(range)}`}>
      <span class={`delta ${kind}`}>
        <span aria-hidden="true">{sign > 0 ? "▲" : sign < 0 ? "▼" : "■"}</span> {text}
        {isGood !== undefined && <span class="unseen">, {isGood ? "better" : "worse"}</span>}
      </span>{" "}
      <span class="soft">vs. {days(range)}</span>
    </p>
  );
}
