import { useEffect, useMemo } from "preact/hooks";

import { useAnswer } from "../answer";
import { dayHere } from "../dates";
import { days, when } from "../format";
import { isTime, rangeOf } from "../queries";
import { go } from "../route";
import { source } from "../source";
import type { Look } from "../state";
import { Chips } from "./Chips";
import { Filters } from "./Filters";
import { TileView } from "./TileView";
import { Trouble } from "./Trouble";
import { WhySheet } from "./WhySheet";

/** A report: its filters, and its tiles. */
export function ReportView({ id, look }: { id: string; look: Look }) {
  const report = useAnswer(`report ${id}`, (signal) => source.report(id, signal));
  const model = useAnswer("model", (signal) => source.model(signal));
  const today = useMemo(() => dayHere(), []);
  const { value } = report;

  useEffect(() => {
    if (value) document.title = value.title;
  }, [value]);

  const change = (to: Partial<Look>) => go({ view: "report", id, look: { ...look, ...to } });

  if (report.error && !value) return <Trouble error={report.error} again={report.again} />;
  if (model.error && !model.value) return <Trouble error={model.error} again={model.again} />;
  if (!value || !model.value) return <Waiting />;
  const date = value.filters?.find(isTime);
  return (
    <article class="report">
      <div class="intro">
        <h1>{value.title}</h1>
        {value.description && <p>{value.description}</p>}
        {date && (
          <p class="only-print">
            {date.title}: {days(rangeOf(date, look, today))}
          </p>
        )}
        {source.made && (
          <p class="made">
            As of {when(source.made)}. This file has the answers to one question for each tile, so its filters are fixed; tables
            can be sorted, and everything can be exported.
          </p>
        )}
      </div>
      <Filters report={value} model={model.value} look={look} today={today} change={change} />
      <Chips report={value} model={model.value} look={look} today={today} change={change} />
      <div class="tiles">
        {value.tiles.map((tile) => (
          <TileView key={tile.id} report={value} tile={tile} model={model.value!} look={look} today={today} change={change} />
        ))}
      </div>
      <WhySheet report={value} model={model.value} look={look} today={today} change={change} />
    </article>
  );
}

function Waiting() {
  return (
    <div class="report" aria-busy="true" aria-label="Loading" role="group">
      <div class="skeleton title" />
      <div class="skeleton line" />
      <div class="tiles">
        {[1, 2, 3, 4].map((tile) => (
          <div key={tile} class="skeleton kpi" />
        ))}
      </div>
    </div>
  );
}
