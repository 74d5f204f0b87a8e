import { useMemo, useRef } from "preact/hooks";
import type { View } from "vega";

import { useAnswer } from "../answer";
import type { Model, Report, Result, Tile } from "../contract";
import { pickedBy, sorted } from "../drawing";
import { days } from "../format";
import { picked } from "../pick";
import { isTime, previousQuery, previousRange, rangeOf, tileQuery } from "../queries";
import { source } from "../source";
import { said } from "../store";
import type { Look } from "../state";
import { Body } from "./Body";
import { Breadcrumbs } from "./Breadcrumbs";
import { Kpi } from "./Kpi";
import { TileMenu } from "./TileMenu";
import { Trouble } from "./Trouble";

interface Props {
  report: Report;
  tile: Tile;
  model: Model;
  look: Look;
  today: string;
  change: (to: Partial<Look>) => void;
}

/** A tile: it asks, draws, and hears clicks. */
export function TileView({ report, tile, model, look, today, change }: Props) {
  const { id, kind } = tile;
  const isSaved = source.made !== null;
  const query = tileQuery(report, tile, isSaved ? { ...look, sort: {} } : look, today);
  const before = previousQuery(report, tile, look, today);
  const answer = useAnswer(JSON.stringify([id, query]), (signal) => source.query(query, id, signal));
  const previous = useAnswer(before ? JSON.stringify([id, before]) : null, (signal) =>
    source.query(before ?? query, `${id}:previous`, signal),
  );
  const handle = useRef<View | null>(null);
  const sort = look.sort[id] ?? "";
  const own = look.chips.filter((chip) => chip.tile === id);

  const result = useMemo<Result | null>(() => {
    const { value } = answer;
    return value && isSaved && sort ? { ...value, rows: sorted(value.rows, value.columns, sort) } : value;
  }, [answer.value, isSaved && sort]);
  const isPicked = useMemo(() => (result ? pickedBy(own, result.columns) : null), [result, JSON.stringify(own)]);

  const pick = (index: number, isMore: boolean) => {
    const row = result?.rows[index];
    if (!row || !result || answer.isWaiting) return;
    const { to, said: words } = picked(tile, look, result, row, isMore);
    said.set(words);
    change(to);
  };

  const isTable = kind === "table" || look.tables.includes(id);
  const canDraw = kind !== "table" && kind !== "kpi";
  const during = report.filters?.find(isTime);
  const subtitle = [during && days(rangeOf(during, look, today)), ...(look.drill[id] ?? [])].filter(Boolean).join(" · ");
  const menu = (
    <TileMenu
      title={tile.title}
      subtitle={subtitle}
      result={result}
      chart={isTable || !canDraw ? null : handle}
      isTable={isTable}
      onTable={
        canDraw ? () => change({ tables: isTable ? look.tables.filter((other) => other !== id) : [...look.tables, id] }) : null
      }
    />
  );
  return (
    <section
      class={`card tile tile-${kind} span-${Math.min(4, Math.max(1, tile.width ?? (kind === "kpi" ? 1 : 2)))}`}
      aria-label={tile.title}
      aria-busy={answer.isWaiting}
      data-tile={id}
    >
      <div class="head">
        <div>
          <h2>{tile.title}</h2>
          {tile.description && <p class="soft">{tile.description}</p>}
        </div>
        {menu}
      </div>
      {tile.drill && tile.drill.length > 1 && !isSaved && <Breadcrumbs tile={tile} model={model} look={look} change={change} />}
      <div class={`body${answer.isWaiting && result ? " is-waiting" : ""}`} style={{ height: heightOf(tile) }}>
        {answer.error ? (
          <Trouble error={answer.error} again={answer.again} />
        ) : !result ? (
          <div class="skeleton fill" />
        ) : kind === "kpi" ? (
          <Kpi
            tile={tile}
            result={result}
            previous={before ? previous.value : null}
            isCompared={previous.value !== null || previous.error !== null}
            range={previousRange(report, tile, look, today)}
          />
        ) : (
          <Body
            shape={{ ...tile, kind: isTable ? "table" : kind }}
            result={result}
            handle={handle}
            isPicked={isPicked ?? null}
            sort={sort}
            onSort={(to) => change({ sort: { ...look.sort, [id]: to } })}
            onPick={isSaved || (tile.dimensions ?? []).length === 0 ? undefined : pick}
          />
        )}
      </div>
    </section>
  );
}

/** Known before there is an answer, so that nothing moves when it comes. */
function heightOf({ kind, limit, drill }: Tile): string | undefined {
  if (kind === "kpi") return undefined;
  if (kind === "map") return "380px";
  if (kind === "bar" && drill === undefined && (limit ?? 0) > 12) return `${Math.min(560, 90 + 21 * (limit ?? 0))}px`;
  return "310px";
}
