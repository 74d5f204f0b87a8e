import { useMemo, useState } from "preact/hooks";

import { waterfall } from "../charts/waterfall";
import type { Cause, Cell, Explanation, Format, Model, Values } from "../contract";
import { days, number, percent, signed, written } from "../format";
import { saveCsv } from "../save";
import { type Choice, partOf } from "../why";
import { Fall } from "./Fall";
import { causeOf, titleOf, valueOf } from "./names";
import { Parts } from "./Parts";

interface Props {
  model: Model;
  /** Nothing as long as it is waited for. */
  value: Explanation | null;
  chosen: Choice;
  /** The dimension among whose values the change is divided, if somebody chose. */
  parts: string;
  isWaiting: boolean;
  onLeave: (cause: Values) => void;
  onShow: (cause: Values) => void;
  onParts: (dimension: string) => void;
  onWithin: (value: Values) => void;
}

/** What was answered: how much it moved, by what, and where. */
export function Causes({ model, value, chosen, parts, isWaiting, onLeave, onShow, onParts, onWithin }: Props) {
  const [isOpen, setOpen] = useState(parts !== "");
  const plot = useMemo(
    () => value && waterfall(value, titleOf(model, value.measure), ({ rank, cause }) => `${rank}  ${causeOf(model, cause)}`),
    [value, model],
  );
  const part = useMemo(() => value && partOf(value.parts, parts), [value, parts]);
  if (!value) return <Waiting />;
  const { causes, format, actual, expected, summary } = value;
  const hasCauses = causes.length > 0;
  const division = part && <Parts model={model} value={value} part={part} onChoose={onParts} onWithin={onWithin} />;
  return (
    <div class={`found${isWaiting ? " is-waiting" : ""}`}>
      <div class="headline" data-testid="headline">
        <p>
          <b class="figure">{written(actual, format)}</b> <span>instead of {written(expected, format)}</span>{" "}
          {actual !== null && expected !== null && <span class="by">{signed(actual - expected, format)}</span>}
        </p>
        <p class="soft">Compared with {comparedWith(model, chosen, value)}.</p>
      </div>
      {!hasCauses && (
        <div class="nothing">
          <h3>{NOTHING}</h3>
          <p class="soft">{part ? "No combination of values differs from the others by more than chance." : summary}</p>
        </div>
      )}
      {plot && hasCauses && <Fall plot={plot} />}
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
      {division && hasCauses && (
        <details class="where" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            <h3>{WHERE}</h3>
          </summary>
          <p class="soft">{CAUTION}</p>
          {/* A chart is as wide as what it is in, which nothing is as long as it is closed. */}
          {isOpen && division}
        </details>
      )}
      {division && !hasCauses && (
        <section class="where" aria-labelledby="why-where">
          <h3 id="why-where">{WHERE}</h3>
          <p class="soft">{CAUTION}</p>
          {division}
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
    `${confidence > 0.99 ? `over ${percent(0.99)}` : percent(confidence)} sure`,
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

const NOTHING = "Nothing stands out from chance";
const WHERE = "Where the change is";
const CAUTION = "How the change divides among values: it names no cause, and may be chance.";

function countOf(causes: Cause[]): string {
  return causes.length === 1 ? "One cause" : `${number(causes.length)} causes`;
}

/** What a screen reader is told when it is there. */
export function saidOf({ actual, expected, format, causes }: Explanation): string {
  const words = causes.length === 0 ? NOTHING : countOf(causes);
  return `${written(actual, format)} instead of ${written(expected, format)}. ${words}`;
}

function shareOf(share: number): string {
  if (Math.abs(share) >= 10) return "many times the whole change";
  if (share < 0) return `${percent(-share)} of the change, against it`;
  return `${percent(share)} of the change`;
}

function comparedWith(model: Model, { compare, granularity }: Choice, { periods, others }: Explanation): string {
  if (compare.with === "others") {
    const title = titleOf(model, compare.name);
    return others === null ? `the other values of ${title}` : `the mean of ${number(others)} other values of ${title}`;
  }
  if (compare.with === "period") return days(compare);
  const list = periods.map(days).join("; ");
  // Where hours end is not seen of days.
  if (compare.with === "rest") return `the mean of the other ${granularity}s shown${granularity === "hour" ? "" : `: ${list}`}`;
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
