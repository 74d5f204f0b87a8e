import { useEffect, useState } from "preact/hooks";

import type { Range } from "../contract";
import { addDays, isDay, PRESETS, shift } from "../dates";
import { days } from "../format";
import { Icon } from "./Icon";
import { Popover } from "./Popover";

interface Props {
  title: string;
  /** A preset, or days; nothing as long as it is as the report has it. */
  typed: string | undefined;
  range: Range;
  isDisabled?: boolean;
  /** Whether there are days to go back to. */
  hasDefault?: boolean;
  put: (text: string | null) => void;
}

/** From a day to a day, by presets, by steps or as typed. */
export function DateFilter({ title, typed, range, isDisabled = false, hasDefault = false, put }: Props) {
  const text = ({ from, before }: Range) => `${from ?? ""}..${before ?? ""}`;
  const name = PRESETS.find(([id]) => id === typed)?.[1];
  const shown = typed === "all" ? "All time" : `${name ? `${name}: ` : ""}${days(range)}`;
  const step = (count: number, words: string, icon: "left" | "right") => {
    if (isDisabled) return null;
    const to = shift(range, count);
    return (
      <button
        type="button"
        class="icon"
        disabled={!to}
        aria-label={`${title}: ${words}`}
        title={words}
        onClick={() => to && put(text(to))}
      >
        <Icon name={icon} />
      </button>
    );
  };
  return (
    <div class="filter date">
      {step(-1, "the days before", "left")}
      <Popover
        button={
          <>
            <span class="of">{title}</span> {shown}
            <Icon name="down" />
          </>
        }
        isDisabled={isDisabled}
      >
        {(close) => (
          <>
            <div class="presets" role="group" aria-label="Presets">
              {hasDefault && (
                <button
                  type="button"
                  aria-pressed={typed === undefined}
                  onClick={() => {
                    put(null);
                    close();
                  }}
                >
                  As in the report
                </button>
              )}
              {PRESETS.map(([id, words]) => (
                <button
                  key={id}
                  type="button"
                  aria-pressed={typed === id}
                  onClick={() => {
                    put(id);
                    close();
                  }}
                >
                  {words}
                </button>
              ))}
            </div>
            <Days
              range={range}
              put={(to) => {
                put(text(to));
                close();
              }}
            />
          </>
        )}
      </Popover>
      {step(1, "the days after", "right")}
    </div>
  );
}

function Days({ range, put }: { range: Range; put: (range: Range) => void }) {
  const [from, setFrom] = useState(range.from?.slice(0, 10) ?? "");
  const [last, setLast] = useState(range.before ? addDays(range.before.slice(0, 10), -1) : "");
  useEffect(() => {
    setFrom(range.from?.slice(0, 10) ?? "");
    setLast(range.before ? addDays(range.before.slice(0, 10), -1) : "");
  }, [range.from, range.before]);
  const isRight = (!from || isDay(from)) && (!last || isDay(last)) && (!from || !last || from <= last);
  const send = (event: Event) => {
    event.preventDefault();
    if (isRight) put({ from: from || null, before: last ? addDays(last, 1) : null });
  };
  return (
    <form class="days" onSubmit={send}>
      <label class="field">
        First day
        <input type="date" value={from} max={last || undefined} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label class="field">
        Last day
        <input type="date" value={last} min={from || undefined} onInput={(event) => setLast(event.currentTarget.value)} />
      </label>
      <button type="submit" class="main" disabled={!isRight}>
        Show
      </button>
    </form>
  );
}
