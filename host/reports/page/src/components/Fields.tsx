import { useState } from "preact/hooks";

import type { Dimension, Model } from "../contract";
import { parts } from "../queries";
import type { Ask } from "../state";

interface Props {
  model: Model;
  ask: Ask;
  change: (to: Partial<Ask>) => void;
}

/** What a model has to choose from. */
export function Fields({ model, ask, change }: Props) {
  const [search, setSearch] = useState("");
  const words = search.toLowerCase();
  const isFound = ({ name, title }: { name: string; title?: string | null }) =>
    `${title ?? ""} ${name}`.toLowerCase().includes(words);
  const toggle = (all: string[], name: string) => (all.includes(name) ? all.filter((one) => one !== name) : [...all, name]);
  // An order by what is not asked any more is none.
  const put = (to: Partial<Ask>) => change({ ...to, sort: "" });
  return (
    <>
      <label class="field">
        <span class="unseen">Search measures and dimensions</span>
        <input type="search" placeholder="Search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
      </label>
      <fieldset>
        <legend>Measures</legend>
        {model.measures.filter(isFound).map(({ name, title, description }) => (
          <label key={name} class="choose" title={description ?? undefined}>
            <input
              type="checkbox"
              checked={ask.measures.includes(name)}
              onChange={() => put({ measures: toggle(ask.measures, name) })}
            />
            <span>
              {title ?? name}
              {description && <small>{description}</small>}
            </span>
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>By</legend>
        {model.dimensions.filter(isFound).map((dimension) => (
          <ByDimension
            key={dimension.name}
            dimension={dimension}
            asked={ask.dimensions}
            put={(dimensions) => put({ dimensions })}
          />
        ))}
      </fieldset>
    </>
  );
}

function ByDimension({
  dimension: { name, title, description, granularities = [] },
  asked,
  put,
}: {
  dimension: Dimension;
  asked: string[];
  put: (dimensions: string[]) => void;
}) {
  const at = asked.findIndex((one) => parts(one).name === name);
  const chosen = asked[at];
  const first = granularities.includes("day") ? "day" : granularities[0];
  const with_ = (period: string | undefined) => (period ? `${name}.${period}` : name);
  return (
    <div class="choose">
      <label title={description ?? undefined}>
        <input
          type="checkbox"
          checked={at >= 0}
          onChange={() => put(at >= 0 ? asked.toSpliced(at, 1) : [...asked, with_(first)])}
        />
        <span>
          {title ?? name}
          {description && <small>{description}</small>}
        </span>
      </label>
      {chosen && granularities.length > 0 && (
        <select
          aria-label={`${title ?? name}: period`}
          value={parts(chosen).granularity ?? ""}
          onChange={(event) => put(asked.with(at, with_(event.currentTarget.value)))}
        >
          {granularities.map((period) => (
            <option key={period} value={period}>
              {period}
            </option>
          ))}
          <option value="">each value</option>
        </select>
      )}
    </div>
  );
}
