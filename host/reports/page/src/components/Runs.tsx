import { useState } from "preact/hooks";

import type { Run } from "../contract";
import { duration, NONE, number, when } from "../format";
import { Icon } from "./Icon";
import { Words } from "./Words";

const SHOWN = 10;
const OUTCOMES = {
  done: ["check", "Done", "good"],
  failed: ["alert", "Failed", "bad"],
  released: ["clock", "Given back", ""],
  running: ["clock", "Running", ""],
} as const;

/** The newest runs, and how long they took. */
export function Runs({ runs }: { runs: Run[] }) {
  const [isAll, setAll] = useState(false);
  const longest = Math.max(1, ...runs.map(({ milliseconds }) => milliseconds ?? 0));
  const count = (value: number | null) => (value === null || value === undefined ? NONE : number(value));
  const shown = isAll ? runs : runs.slice(0, SHOWN);
  return (
    <section aria-labelledby="runs">
      <div class="heading">
        <h2 id="runs">Runs</h2>
        {runs.length > 1 && <Durations runs={runs} longest={longest} />}
      </div>
      {runs.length === 0 && <p class="notice">Nothing has run yet.</p>}
      {shown.length > 0 && (
        <div class="card scroll" tabIndex={0} role="group" aria-label="Table of runs">
          <table class="simple">
            <thead>
              <tr>
                <th scope="col">Event</th>
                <th scope="col">Outcome</th>
                <th scope="col">Started</th>
                <th scope="col" class="of-number">
                  Attempt
                </th>
                <th scope="col" class="of-number">
                  Rows in
                </th>
                <th scope="col" class="of-number">
                  Rows out
                </th>
                <th scope="col" class="of-number">
                  Rejected
                </th>
                <th scope="col" class="of-time">
                  Duration
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((run) => {
                const [icon, word, kind] = OUTCOMES[run.outcome] ?? OUTCOMES.running;
                return (
                  <tr key={run.id}>
                    <th scope="row">
                      {run.event}
                      {run.reason && (
                        <span class="reason">
                          <Words text={run.reason} />
                        </span>
                      )}
                    </th>
                    <td>
                      <span class={`outcome ${kind}`}>
                        <Icon name={icon} />
                        {word}
                      </span>
                    </td>
                    <td>{when(run.started)}</td>
                    <td class="of-number">{number(run.attempt)}</td>
                    <td class="of-number">{count(run.rows_in)}</td>
                    <td class="of-number">{count(run.rows_out)}</td>
                    <td class={`of-number${run.rejects ? " warn" : ""}`}>{count(run.rejects)}</td>
                    <td class="of-time">
                      <span class="took">{run.milliseconds == null ? NONE : duration(run.milliseconds)}</span>
                      <span class="meter" aria-hidden="true">
                        <span class={kind} style={{ width: `${((run.milliseconds ?? 0) / longest) * 100}%` }} />
                      </span>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {runs.length > SHOWN && (
        <button type="button" class="plain more" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? "Show fewer" : `Show all ${number(runs.length)}`}
        </button>
      )}
    </section>
  );
}

/** A bar for each run, the oldest first. */
function Durations({ runs, longest }: { runs: Run[]; longest: number }) {
  const last = runs.slice(0, 40).reverse();
  const all = last.map(({ milliseconds }) => milliseconds ?? 0).sort((a, b) => a - b);
  const middle = all[Math.floor(all.length / 2)] ?? 0;
  return (
    <div class="durations">
      <span>
        Typically {duration(middle)}, at most {duration(longest)}
      </span>
      <svg viewBox={`0 0 ${last.length * 6} 24`} width={last.length * 6} height="24" aria-hidden="true">
        {last.map(({ id, milliseconds, outcome }, index) => {
          const height = Math.max(2, ((milliseconds ?? 0) / longest) * 24);
          return <rect key={id} class={outcome} x={index * 6} y={24 - height} width="4" height={height} rx="1" />;
        })}
      </svg>
    </div>
  );
}
