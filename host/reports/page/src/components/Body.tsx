import { useMemo } from "preact/hooks";
import type { View } from "vega";

import { Chart, type OnWhy } from "../charts/Chart";
import { places, sizeNote } from "../charts/map";
import type { Plot } from "../charts/points";
import type { Result, Tile } from "../contract";
import { plotOf } from "../drawing";
import { number } from "../format";
import { column } from "../queries";
import { Grid } from "./Grid";

// Vega draws each point, and of very many nobody sees one.
const MOST = { line: 5000, map: 5000, bar: 200, table: Infinity };

interface Props {
  shape: Pick<Tile, "title" | "measures" | "series" | "latitude" | "longitude"> & { kind: Plot["kind"] | "table" };
  result: Result;
  isPicked?: Plot["isPicked"];
  sort?: string;
  onSort?: (sort: string) => void;
  onPick?: ((row: number, isMore: boolean) => void) | undefined;
  onWhy?: OnWhy | undefined;
  handle?: { current: View | null };
}

/** A result as a chart or a table. */
export function Body({ shape, result, isPicked = null, sort = "", onSort, onPick, onWhy, handle }: Props) {
  const { kind, measures } = shape;
  const most = MOST[kind];
  const drawn = useMemo(
    () => (result.rows.length > most ? { ...result, rows: result.rows.slice(0, most) } : result),
    [result, most],
  );
  const key = JSON.stringify([kind, measures, shape.series, shape.title]);
  const plot = useMemo(() => (kind === "table" ? null : plotOf({ ...shape, kind }, drawn, isPicked)), [key, drawn, isPicked]);
  if (result.rows.length === 0) return <p class="empty">Nothing matches what was asked.</p>;
  if (!plot) {
    const bar = result.columns.findIndex(({ name }) => measures[0] !== undefined && name === column(measures[0]));
    return (
      <>
        <Grid
          name={`${shape.title}, table`}
          columns={result.columns}
          rows={result.rows}
          sort={sort}
          onSort={onSort}
          onPick={onPick}
          onWhy={onWhy}
          isPicked={isPicked}
          bars={bar < 0 ? [] : [bar]}
        />
        <Notes result={result} notes={[]} />
      </>
    );
  }
  const notes = [];
  if (drawn !== result) notes.push(`Drawn from the first ${number(most)} rows`);
  if (plot.kind === "map") {
    const lost = drawn.rows.length - places(plot).length;
    notes.push(sizeNote(plot));
    if (lost > 0) notes.push(`${number(lost)} without a place`);
  }
  return (
    <>
      <Chart plot={plot} onPick={onPick} onWhy={onWhy} {...(handle ? { handle } : {})} />
      <Notes result={result} notes={notes} />
    </>
  );
}

function Notes({ result, notes }: { result: Result; notes: string[] }) {
  const all = result.truncated ? [...notes, `The first ${number(result.rows.length)} only`] : notes;
  return all.length > 0 ? <p class="note">{all.join(" · ")}</p> : null;
}
