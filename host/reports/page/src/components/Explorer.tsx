import { useMemo, useRef } from "preact/hooks";
import type { View } from "vega";

import { useAnswer } from "../answer";
import type { Query } from "../contract";
import { dayHere } from "../dates";
import { kindFor } from "../drawing";
import { parts, rangeOf } from "../queries";
import { go } from "../route";
import { source } from "../source";
import { type Ask, link, LOOK, TYPED } from "../state";
import { Body } from "./Body";
import { DateFilter } from "./DateFilter";
import { Fields } from "./Fields";
import { TileMenu } from "./TileMenu";
import { Trouble } from "./Trouble";

const KINDS = [
  ["auto", "Automatic"],
  ["line", "Lines"],
  ["bar", "Bars"],
  ["table", "Table"],
] as const;
const LIMITS = [20, 100, 1000, 10_000];

/** Measures by dimensions, as whoever looks wants them. */
export function Explorer({ ask }: { ask: Ask }) {
  const model = useAnswer("model", (signal) => source.model(signal));
  const handle = useRef<View | null>(null);
  const change = (to: Partial<Ask>) => go({ view: "explore", ask: { ...ask, ...to } });
  const time = model.value?.dimensions.find(({ kind }) => kind === "date" || kind === "timestamp");
  const today = dayHere();
  const range =
    time &&
    rangeOf(
      { dimension: time.name, kind: time.kind, title: "" },
      { ...LOOK, dates: ask.date ? { [time.name]: ask.date } : {} },
      today,
    );

  const query: Query = { measures: ask.measures, dimensions: ask.dimensions, limit: ask.limit };
  if (ask.sort) query.order = [{ by: ask.sort.replace(/^-/, ""), descending: ask.sort.startsWith("-") }];
  else if (ask.measures[0] && ask.dimensions.every((asked) => !parts(asked).granularity))
    query.order = [{ by: ask.measures[0], descending: true }];
  if (time && range && (range.from || range.before)) query.time_range = { dimension: time.name, ...range };
  const isEmpty = ask.measures.length + ask.dimensions.length === 0;
  const answer = useAnswer(isEmpty ? null : JSON.stringify(query), (signal) => source.query(query, "", signal));
  const result = isEmpty ? null : answer.value;

  const dimensions = result?.columns.filter(({ role }) => role !== "measure").length ?? 0;
  const kind = ask.chart === "auto" && result ? kindFor(result.columns, dimensions) : ask.chart;
  const shape = useMemo(() => {
    // Time is along the axis, whichever was chosen first.
    const isOfTime = (asked: string) =>
      model.value?.dimensions.some(({ name, kind }) => name === parts(asked).name && (kind === "date" || kind === "timestamp")) ??
      false;
    const series =
      ask.dimensions.length === 2
        ? ([...ask.dimensions].sort((a, b) => Number(isOfTime(b)) - Number(isOfTime(a)))[1] ?? null)
        : null;
    return { title: titleOf(ask), measures: ask.measures, series };
  }, [JSON.stringify(ask), model.value]);

  return (
    <div class="explorer">
      <h1>Explore measures</h1>
      {model.error && !model.value && <Trouble error={model.error} again={model.again} />}
      <div class="sides">
        <div class="card fields">
          {model.value ? <Fields model={model.value} ask={ask} change={change} /> : <div class="skeleton table" />}
        </div>
        <section class="card tile" aria-label="Answer" aria-busy={answer.isWaiting}>
          <div class="bar">
            {time && (
              <DateFilter
                title={time.title ?? time.name}
                typed={ask.date || "all"}
                range={range ?? { from: null, before: null }}
                put={(text) => change({ date: text === "all" ? "" : (text ?? "") })}
              />
            )}
            <label class="pick">
              Chart
              <select value={ask.chart} onChange={(event) => change({ chart: event.currentTarget.value })}>
                {KINDS.map(([id, words]) => (
                  <option key={id} value={id}>
                    {words}
                  </option>
                ))}
              </select>
            </label>
            <label class="pick">
              Rows
              <select value={String(ask.limit)} onChange={(event) => change({ limit: Number(event.currentTarget.value) })}>
                {[...new Set([...LIMITS, ask.limit])]
                  .sort((a, b) => a - b)
                  .map((limit) => (
                    <option key={limit} value={String(limit)}>
                      {limit.toLocaleString()}
                    </option>
                  ))}
              </select>
            </label>
            <TileMenu
              title={shape.title}
              subtitle=""
              result={result}
              chart={kind === "table" ? null : handle}
              isTable={kind === "table"}
              onTable={null}
            />
          </div>
          <div class={`body${answer.isWaiting && result ? " is-waiting" : ""}`}>
            {answer.error ? (
              <Trouble error={answer.error} again={answer.again} />
            ) : isEmpty ? (
              <p class="empty">Choose a measure, and what to see it by.</p>
            ) : !result ? (
              <div class="skeleton fill" />
            ) : (
              <Body
                shape={{ ...shape, kind: kind === "line" || kind === "bar" ? kind : "table" }}
                result={result}
                sort={ask.sort}
                onSort={(sort) => change({ sort })}
                handle={handle}
              />
            )}
          </div>
          {result?.sql && (
            <details class="sql">
              <summary>SQL</summary>
              <pre tabIndex={0}>{result.sql}</pre>
              <a href={link({ view: "sql", typed: { ...TYPED, sql: result.sql } })}>Open in SQL</a>
            </details>
          )}
        </section>
      </div>
    </div>
  );
}

function titleOf({ measures, dimensions }: Ask): string {
  const words = (names: string[]) => names.map((name) => name.replaceAll(/[_.]/g, " ")).join(", ");
  return dimensions.length === 0 ? words(measures) : `${words(measures)} by ${words(dimensions)}`;
}
