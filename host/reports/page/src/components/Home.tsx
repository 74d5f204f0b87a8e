import { useEffect } from "preact/hooks";

import { type Answer, useAnswer } from "../answer";
import type { Overview, Reports } from "../contract";
import { number } from "../format";
import { source } from "../source";
import { link, LOOK } from "../state";
import { isLocked } from "../store";
import { Icon } from "./Icon";
import { Letters } from "./Letters";
import { Runs } from "./Runs";
import { Trouble } from "./Trouble";

const EVERY = 15_000;

/** How the pipeline is, and what can be looked at. */
export function Home({ reports }: { reports: Answer<Reports> }) {
  const overview = useAnswer("overview", (signal) => source.overview(signal), true);
  useEffect(() => {
    if (overview.error) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && overview.again(), EVERY);
    return () => clearInterval(timer);
  }, [overview.error]);
  const { value, error } = overview;
  // Both at once, so that what comes first is not moved by what comes second.
  if ((!value && !error) || (!reports.value && !reports.error)) return <Waiting />;
  return (
    <div class="home">
      <h1>
        {value?.pipeline ?? "Overview"}
        {value && <span class="version"> {value.version}</span>}
      </h1>
      {error ? <NoOverview error={error} again={overview.again} /> : value && <Health overview={value} />}
      <section aria-labelledby="reports">
        <h2 id="reports">Reports</h2>
        {reports.error && <Trouble error={reports.error} again={reports.again} />}
        {reports.value?.reports.length === 0 && (
          <p class="notice">There is no report yet. Reports are listed in the pipeline’s manifest.</p>
        )}
        <ul class="cards">
          {reports.value?.reports.map(({ id, title, description }) => (
            <li key={id}>
              <a class="card" href={link({ view: "report", id, look: LOOK })}>
                <b>{title}</b>
                {description && <span>{description}</span>}
                <Icon name="arrow" />
              </a>
            </li>
          ))}
        </ul>
      </section>
      {!error && value && <Runs runs={value.runs} />}
      {!error && value && <Letters letters={value.letters} count={value.dead_letters} />}
    </div>
  );
}

function Waiting() {
  return (
    <div class="home" aria-busy="true" aria-label="Loading" role="group">
      <div class="skeleton title" />
      <div class="skeleton health" />
      <div class="skeleton kpi" />
      <div class="skeleton table" />
    </div>
  );
}

function Health({ overview }: { overview: Overview }) {
  const { healthy, events, dead_letters } = overview;
  const figures: [string, number, string][] = [
    ["Waiting", events.waiting, ""],
    ["Running", events.running, ""],
    ["Done", events.done, ""],
    ["Given up", events.dead, events.dead > 0 ? "bad" : ""],
    ["Dead letters", dead_letters, dead_letters > 0 ? "warn" : ""],
  ];
  return (
    <section class="card health" aria-label="Health">
      <p class={`pill ${healthy ? "good" : "bad"}`}>
        <Icon name={healthy ? "check" : "alert"} />
        {healthy ? "Healthy" : "Needs attention"}
      </p>
      <dl>
        {figures.map(([name, count, kind]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={kind}>{number(count)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function NoOverview({ error, again }: { error: NonNullable<Answer<Overview>["error"]>; again: () => void }) {
  if (error.status === 404) return <p class="notice">This server does not tell how its pipeline runs.</p>;
  if (error.status === 401 || error.status === 403) {
    return (
      <p class="notice">
        How the pipeline runs is told to whoever has a key.{" "}
        <button type="button" onClick={() => isLocked.set(true)}>
          Enter a key
        </button>
      </p>
    );
  }
  return <Trouble error={error} again={again} />;
}
