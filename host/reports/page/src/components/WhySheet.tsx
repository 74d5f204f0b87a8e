import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { useAnswer } from "../answer";
import type { Model, Report, Values } from "../contract";
import { days, number } from "../format";
import { source } from "../source";
import type { Look, WhyLook } from "../state";
import { said } from "../store";
import { type Choice, pickedOf, type Question, question } from "../why";
import { Causes, saidOf } from "./Causes";
import { Icon } from "./Icon";
import { causeOf, conditionOf, titleOf } from "./names";
import { Popover } from "./Popover";
import { Trouble } from "./Trouble";

interface Props {
  report: Report;
  model: Model;
  look: Look;
  today: string;
  change: (to: Partial<Look>) => void;
}

/** Why a number is what it is, beside the report. */
export function WhySheet({ report, model, look, today, change }: Props) {
  const asked = source.made ? undefined : question(report, model, look, today);
  return asked && look.why ? <Sheet asked={asked} why={look.why} model={model} look={look} change={change} /> : null;
}

function Sheet({ asked, why, model, look, change }: Omit<Props, "report" | "today"> & { asked: Question; why: WhyLook }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const head = useRef<HTMLHeadingElement>(null);
  const isGone = useRef(false);
  const answer = useAnswer(JSON.stringify(asked.why), (signal) => source.explain(asked.why, signal));
  const { by, exclude, measure } = asked.why;
  // Another measure's numbers would be taken for this one's.
  const value = answer.value?.measure === measure ? answer.value : null;

  useLayoutEffect(() => {
    dialog.current?.showModal();
    head.current?.focus();
    return () => {
      isGone.current = true;
      dialog.current?.close();
    };
  }, []);
  useEffect(
    () => () => {
      // It was opened by a link or a mark, which cannot have the focus.
      if (document.activeElement !== document.body) return;
      document.querySelector<HTMLElement>(`[data-tile="${CSS.escape(why.tile)}"] .head .icon`)?.focus({ preventScroll: true });
    },
    [why.tile],
  );

  const put = (to: Partial<WhyLook>) => change({ why: { ...why, ...to } });
  const putExclude = (exclude: Values[]) => {
    // What was clicked goes away.
    head.current?.focus();
    put({ exclude });
  };
  const within = (value: Values) => {
    head.current?.focus();
    put({ of: [...why.of, ...pickedOf(model, value)], with: asked.chosen.id, parts: "" });
  };
  const toggle = (name: string) => put({ by: by.includes(name) ? by.filter((one) => one !== name) : [...by, name] });
  const show = (cause: Values) => {
    const isDown = (name: string) => asked.tile.drill?.slice(0, look.drill[why.tile]?.length).includes(name);
    const picked = [...why.of.filter((one) => !isDown(one.asked)), ...pickedOf(model, cause)];
    said.set(`The other tiles show ${causeOf(model, cause)}`);
    change({
      why: null,
      chips: [...look.chips.filter(({ tile }) => tile !== why.tile), ...picked.map((one) => ({ ...one, tile: why.tile }))],
    });
  };

  const { filters = [], time_range } = asked.why;
  const about = [...(time_range ? [days(time_range)] : []), ...filters.map((one) => conditionOf(model, one))];
  const titles = by.map((name) => titleOf(model, name));
  return (
    <dialog
      class="why"
      ref={dialog}
      aria-labelledby="why-title"
      aria-busy={answer.isWaiting}
      onClose={() => isGone.current || change({ why: null })}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="sheet">
        <div class="head">
          <div>
            <h2 id="why-title" ref={head} tabIndex={-1}>
              Why? <span>{titleOf(model, measure)}</span>
            </h2>
            <p class="soft">{about.length > 0 ? about.join(" · ") : "All there is"}</p>
          </div>
          <button type="button" class="icon" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </div>
        <div class="controls">
          {asked.measures.length > 1 && (
            <label class="field">
              Measure
              <select value={measure} onChange={(event) => put({ measure: event.currentTarget.value, by: [], exclude: [] })}>
                {asked.measures.map((name) => (
                  <option key={name} value={name}>
                    {titleOf(model, name)}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label class="field">
            Compared with
            <select value={asked.chosen.id} onChange={(event) => put({ with: event.currentTarget.value })}>
              {asked.choices.map((choice) => (
                <option key={choice.id} value={choice.id}>
                  {wordsOf(model, choice)}
                </option>
              ))}
            </select>
          </label>
          <div class="field">
            <span aria-hidden="true">Causes among</span>
            <Popover
              button={
                <>
                  <span class="unseen">Causes among </span>
                  <span>{titles.length > 3 ? `${titles[0]} and ${number(titles.length - 1)} more` : titles.join(", ")}</span>
                  <Icon name="down" />
                </>
              }
            >
              {() => (
                <div class="options" role="group" aria-label="Causes among">
                  {asked.dimensions.map((name) => (
                    <label key={name}>
                      <input
                        type="checkbox"
                        checked={by.includes(name)}
                        disabled={by.length === 1 && by.includes(name)}
                        onChange={() => toggle(name)}
                      />
                      {titleOf(model, name)}
                    </label>
                  ))}
                </div>
              )}
            </Popover>
          </div>
        </div>
        {exclude.length > 0 && (
          <ul class="chips" aria-label="Left out">
            <li class="soft">Without</li>
            {exclude.map((cause) => (
              <li key={JSON.stringify(cause)}>
                <button
                  type="button"
                  class="chip"
                  aria-label={`No longer leave out ${causeOf(model, cause)}`}
                  onClick={() => putExclude(exclude.filter((one) => one !== cause))}
                >
                  {causeOf(model, cause)}
                  <Icon name="close" />
                </button>
              </li>
            ))}
          </ul>
        )}
        <p class="unseen" role="status">
          {value && !answer.isWaiting && saidOf(value)}
        </p>
        {answer.error ? (
          <Trouble error={answer.error} again={answer.again} />
        ) : (
          <Causes
            model={model}
            value={value}
            chosen={asked.chosen}
            parts={why.parts}
            isWaiting={answer.isWaiting}
            onLeave={(cause) => answer.isWaiting || putExclude([...exclude, cause])}
            onShow={show}
            onParts={(parts) => put({ parts })}
            onWithin={(value) => answer.isWaiting || within(value)}
          />
        )}
      </div>
    </dialog>
  );
}

function wordsOf(model: Model, { id, compare, granularity }: Choice): string {
  if (compare.with === "rest") return `The other ${granularity}s shown (mean)`;
  if (compare.with === "usual") return "The usual: mean of 4 periods before";
  if (compare.with === "others") return `The other values of ${titleOf(model, compare.name)} (mean)`;
  return `${id === "year" ? "A year earlier" : "The period before"}: ${days(compare)}`;
}
