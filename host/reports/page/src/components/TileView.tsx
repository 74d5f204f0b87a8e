import { useMemo, useRef, useState } from "preact/hooks";
import type { View } from "vega";

import { useAnswer } from "../answer";
import type { Model, Report, Result, Tile } from "../contract";
import { pickedBy, sorted } from "../drawing";
import { cell, days } from "../format";
import { picked, valuesIn } from "../pick";
import { column, isTime, previousQuery, previousRange, rangeOf, tileQuery } from "../queries";
import { source } from "../source";
import { said } from "../store";
import type { Look } from "../state";
import { explained, wondered } from "../why";
import { Body } from "./Body";
import { Breadcrumbs } from "./Breadcrumbs";
import { Kpi } from "./Kpi";
import { titleOf } from "./names";
import { TileMenu } from "./TileMenu";
import { Trouble } from "./Trouble";
import { type Item, WhyMenu } from "./WhyMenu";

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

  const [menuAt, setMenuAt] = useState<{ at: { x: number; y: number }; title: string; items: Item[] } | null>(null);
  const measures = isSaved ? [] : explained(model, tile);
  const whole = isSaved ? undefined : wondered(report, model, look, today, tile);
  const onWhole = whole && (() => change({ why: whole }));
  const ask = (index: number, at: number | null, { clientX: x, clientY: y }: MouseEvent) => {
    const row = result?.rows[index];
    if (!row || !result || answer.isWaiting) return;
    const values = valuesIn(tile, look, result.columns, row);
    const of = values.map(({ asked, value }) => ({ asked, values: [value] }));
    const named = (measure: string) => result.columns.findIndex(({ name }) => name === column(measure));
    // Of a mark that is of one measure, that one is meant.
    const meant = measures.filter((measure) => named(measure) === at);
    const items = (meant.length > 0 ? meant : measures).flatMap((measure) => {
      const why = wondered(report, model, look, today, tile, of, measure);
      const column = result.columns[named(measure)];
      if (!why || !column) return [];
      return [{ words: `Why is ${titleOf(model, measure)} ${cell(row[named(measure)], column)}?`, run: () => change({ why }) }];
    });
    if (items.length > 0) setMenuAt({ at: { x, y }, title: values.map(({ text }) => text).join(", ") || tile.title, items });
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
      onWhy={onWhole}
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
            onWhy={onWhole}
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
            onWhy={measures.length > 0 ? ask : undefined}
          />
        )}
      </div>
      {menuAt && <WhyMenu {...menuAt} close={() => setMenuAt(null)} />}
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
