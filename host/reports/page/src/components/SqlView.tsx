import { useMemo, useRef, useState } from "preact/hooks";
import type { View } from "vega";

import { useAnswer } from "../answer";
import { sorted } from "../drawing";
import { number } from "../format";
import { go } from "../route";
import { source } from "../source";
import type { Typed } from "../state";
import { Grid } from "./Grid";
import { QuickChart } from "./QuickChart";
import { TileMenu } from "./TileMenu";
import { Trouble } from "./Trouble";

const LIMITS = [1000, 10_000, 100_000];

/** SQL, typed and run. What a link has is not run by itself: somebody is to read it first. */
export function SqlView({ typed }: { typed: Typed }) {
  const [run, setRun] = useState<{ sql: string; limit: number; count: number } | null>(null);
  const [sort, setSort] = useState("");
  const handle = useRef<View | null>(null);
  const asked = useRef(0);
  const answer = useAnswer(run && JSON.stringify(run), async (signal) => {
    asked.current = performance.now();
    const result = await source.sql(run?.sql ?? "", run?.limit ?? 0, signal);
    return { result, took: performance.now() - asked.current };
  });
  const result = answer.value?.result ?? null;
  const rows = useMemo(() => (result && sort ? sorted(result.rows, result.columns, sort) : (result?.rows ?? [])), [result, sort]);
  const change = (to: Partial<Typed>) => go({ view: "sql", typed: { ...typed, ...to } }, true);
  const start = () => {
    if (!typed.sql.trim()) return;
    setSort("");
    setRun({ sql: typed.sql, limit: typed.limit, count: (run?.count ?? 0) + 1 });
  };
  return (
    <div class="sql-view">
      <h1>SQL</h1>
      <div class="card editor">
        <label class="unseen" for="sql">
          SQL
        </label>
        <textarea
          id="sql"
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          rows={Math.min(16, Math.max(5, typed.sql.split("\n").length + 1))}
          placeholder="SELECT …"
          value={typed.sql}
          onInput={(event) => change({ sql: event.currentTarget.value })}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            start();
          }}
        />
        <div class="bar">
          {answer.isWaiting ? (
            <button type="button" onClick={() => setRun(null)}>
              Cancel
            </button>
          ) : (
            <button type="button" class="main" disabled={!typed.sql.trim()} onClick={start}>
              Run
            </button>
          )}
          <span class="soft keys">Ctrl or ⌘ and Enter</span>
          <label class="pick">
            At most
            <select value={String(typed.limit)} onChange={(event) => change({ limit: Number(event.currentTarget.value) })}>
              {[...new Set([...LIMITS, typed.limit])]
                .sort((a, b) => a - b)
                .map((limit) => (
                  <option key={limit} value={String(limit)}>
                    {number(limit)} rows
                  </option>
                ))}
            </select>
          </label>
        </div>
      </div>
      {answer.error && <Trouble error={answer.error} />}
      {!answer.error && answer.isWaiting && !result && (
        <div class="card">
          <div class="skeleton table" />
        </div>
      )}
      {!answer.error && result && (
        <section
          class={`card tile answer${answer.isWaiting ? " is-waiting" : ""}`}
          aria-label="Answer"
          aria-busy={answer.isWaiting}
        >
          <div class="bar">
            <p class="soft" role="status">
              {number(result.rows.length)} {result.rows.length === 1 ? "row" : "rows"}
              {result.truncated ? ", and there are more" : ""} · {number(Math.round(answer.value?.took ?? 0))} ms
            </p>
            <TileMenu
              title="Query"
              subtitle=""
              result={{ ...result, rows }}
              chart={typed.chart === "none" ? null : handle}
              isTable={typed.chart === "none"}
              onTable={null}
            />
          </div>
          <QuickChart result={result} typed={typed} change={change} handle={handle} />
          {result.columns.length > 0 && (
            <Grid name="Rows" columns={result.columns} rows={rows} sort={sort} onSort={setSort} isNumbered />
          )}
        </section>
      )}
    </div>
  );
}
