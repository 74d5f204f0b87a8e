import { useMemo } from "preact/hooks";

import { Chart } from "../charts/Chart";
import { heightOf, waterfall } from "../charts/waterfall";
import type { Cause, Cell, Comparison, Explanation, Format, Model, Values } from "../contract";
import { days, NONE, number, signed } from "../format";
import { saveCsv } from "../save";
import { causeOf, titleOf, valueOf } from "./names";

interface Props {
  model: Model;
  /** Nothing as long as it is waited for. */
  value: Explanation | null;
  compare: Comparison;
  isWaiting: boolean;
  onLeave: (cause: Values) => void;
  onShow: (cause: Values) => void;
}

/** What was answered: how much it moved, and by what. */
export function Causes({ model, value, compare, isWaiting, onLeave, onShow }: Props) {
  const plot = useMemo(
    () => value && waterfall(value, titleOf(model, value.measure), ({ rank, cause }) => `${rank}  ${causeOf(model, cause)}`),
    [value, model],
  );
  if (!value) return <Waiting />;
  const { causes, format, actual, expected, summary } = value;
  const hasCauses = causes.length > 0;
  return (
    <div class={`found${isWaiting ? " is-waiting" : ""}`}>
      <div class="headline" data-testid="headline">
        <p>
          <b class="figure">{written(actual, format)}</b> <span>instead of {written(expected, format)}</span>{" "}
          {actual !== null && expected !== null && <span class="by">{signed(actual - expected, format)}</span>}
        </p>
        <p class="soft">Compared with {comparedWith(model, compare, value)}.</p>
      </div>
      {!hasCauses && <p class="notice">{summary}</p>}
      {plot && hasCauses && (
        <>
          <div class="body" style={{ height: `${heightOf(plot)}px` }}>
            <Chart plot={plot} />
          </div>
          <p class="note keys">
            <span class="key up" /> more than expected <span class="key down" /> less than expected
            {plot.domain[0] * plot.domain[1] > 0 && " · the axis does not begin at zero"}
          </p>
        </>
      )}
      {hasCauses && (
        <section aria-labelledby="why-causes">
          <div class="heading">
            <h3 id="why-causes">{countOf(causes)}</h3>
            <button type="button" class="plain" onClick={() => save(model, value)}>
              Save as CSV
            </button>
          </div>
          <ol class="causes">
            {causes.map((cause) => (
              <CauseItem
                key={cause.text}
                model={model}
                cause={cause}
                format={format}
                onLeave={() => onLeave(cause.cause)}
                onShow={() => onShow(cause.cause)}
              />
            ))}
          </ol>
        </section>
      )}
    </div>
  );
}

interface ItemProps {
  model: Model;
  cause: Cause;
  format: Format | null | undefined;
  onLeave: () => void;
  onShow: () => void;
}

function CauseItem({ model, cause, format, onLeave, onShow }: ItemProps) {
  const { rank, actual, expected, impact, share, rows, confidence } = cause;
  const name = causeOf(model, cause.cause);
  const facts = [
    ...(share === null ? [] : [shareOf(share)]),
    `${number(rows)} ${rows === 1 ? "row" : "rows"}`,
    `${confidence > 0.99 ? `over ${number(0.99, PERCENT)}` : number(confidence, PERCENT)} sure`,
  ];
  return (
    <li>
      <span class={`rank ${impact === null ? "" : impact < 0 ? "down" : "up"}`} aria-hidden="true">
        {rank}
      </span>
      <div>
        <p class="name">
          {Object.entries(cause.cause).map(([asked, value], index) => (
            <span key={asked}>
              {index > 0 && " and "}
              <span class="soft">{titleOf(model, asked)}</span> <b>{valueOf(model, asked, value)}</b>
            </span>
          ))}
        </p>
        <p>
          {written(actual, format)} instead of {written(expected, format)}
          {impact !== null && (
            <>
              , which moved the whole by <b>{signed(impact, format)}</b>
            </>
          )}
        </p>
        <p class="soft">{facts.join(" · ")}</p>
        <p class="acts">
          <button type="button" class="plain" aria-label={`Leave out ${name}`} onClick={onLeave}>
            Leave out
          </button>
          <button type="button" class="plain" aria-label={`Show in report ${name}`} onClick={onShow}>
            Show in report
          </button>
        </p>
      </div>
    </li>
  );
}

function Waiting() {
  return (
    <div class="found" aria-busy="true" aria-label="Loading" role="group">
      <div class="headline">
        <div class="skeleton title" />
        <div class="skeleton line" />
      </div>
      <div class="skeleton table" />
      <div class="skeleton table" />
    </div>
  );
}

const PERCENT: Format = { style: "percent", decimals: 0 };

function written(value: number | null, format: Format | null | undefined): string {
  return value === null ? NONE : number(value, format);
}

function countOf(causes: Cause[]): string {
  return causes.length === 1 ? "One cause" : `${number(causes.length)} causes`;
}

/** What a screen reader is told when it is there. */
export function saidOf({ actual, expected, format, summary, causes }: Explanation): string {
  const words = causes.length === 0 ? summary : countOf(causes);
  return `${written(actual, format)} instead of ${written(expected, format)}. ${words}`;
}

function shareOf(share: number): string {
  if (Math.abs(share) >= 10) return "many times the whole change";
  if (share < 0) return `${number(-share, PERCENT)} of the change, against it`;
  return `${number(share, PERCENT)} of the change`;
}

function comparedWith(model: Model, compare: Comparison, { periods, others }: Explanation): string {
  if (compare.with === "others") {
    const title = titleOf(model, compare.name);
    return others === null ? `the other values of ${title}` : `the mean of ${number(others)} other values of ${title}`;
  }
  if (compare.with === "period") return days(compare);
  const list = periods.map(days).join("; ");
  return periods.length === 1 ? list : `the mean of ${number(periods.length)} periods before: ${list}`;
}

function save(model: Model, { measure, by, causes, format }: Explanation) {
  const columns = [
    { name: "rank", title: "Rank" },
    ...by.map((name) => ({ name, title: titleOf(model, name) })),
    ...["actual", "expected", "impact", "share", "confidence", "rows"].map((name) => ({ name, format: format ?? null })),
  ];
  const rows = causes.map((cause): Cell[] => [
    cause.rank,
    ...by.map((name) => cause.cause[name] ?? ""),
    cause.actual,
    cause.expected,
    cause.impact,
    cause.share,
    cause.confidence,
    cause.rows,
  ]);
  saveCsv({ columns, rows }, `${titleOf(model, measure)} causes`);
}
