import { useState } from "preact/hooks";

import { useAnswer } from "../answer";
import type { Cell, Model, Query, ReportFilter } from "../contract";
import { number } from "../format";
import { source } from "../source";
import { Icon } from "./Icon";
import { valueOf } from "./names";
import { Popover } from "./Popover";
import { Trouble } from "./Trouble";

const MOST = 500;

interface Props {
  filter: ReportFilter;
  model: Model;
  /** None are all. */
  chosen: Cell[];
  isDisabled: boolean;
  put: (values: Cell[]) => void;
}

/** Some values of a dimension, found by searching. */
export function ValuesFilter({ filter, model, chosen, isDisabled, put }: Props) {
  const { dimension, title } = filter;
  const names = chosen.map((value) => valueOf(model, dimension, value));
  const shown =
    names.length === 0 ? "All" : names.length <= 2 ? names.join(", ") : `${names[0]} and ${number(names.length - 1)} more`;
  return (
    <div class="filter">
      <Popover
        button={
          <>
            <span class="of">{title}</span> {shown}
            <Icon name="down" />
          </>
        }
        isDisabled={isDisabled}
        kind={chosen.length > 0 ? "is-set" : ""}
      >
        {() => <Choice filter={filter} model={model} chosen={chosen} put={put} />}
      </Popover>
    </div>
  );
}

function Choice({ filter: { dimension, kind, title }, model, chosen, put }: Omit<Props, "isDisabled">) {
  const [search, setSearch] = useState("");
  const [isCut, setCut] = useState(false);
  // Of few values the page finds one itself.
  const asked = isCut && kind === "string" ? search : "";
  const values = useAnswer(`values ${dimension} ${asked}`, async (signal) => {
    const query: Query = { measures: [], dimensions: [dimension], limit: MOST };
    if (asked) query.filters = [{ name: dimension, operator: "contains", values: [asked] }];
    const { rows } = await source.query(query, "", signal);
    if (!asked) setCut(rows.length >= MOST);
    return rows.map(([value]) => value ?? null);
  });
  const words = search.toLowerCase();
  const known = new Set(values.value ?? []);
  const all = [...chosen.filter((value) => !known.has(value)), ...(values.value ?? [])];
  const found = all.filter((value) => valueOf(model, dimension, value).toLowerCase().includes(words) || asked);
  const toggle = (value: Cell) => {
    // Null cannot be asked for together with others.
    const others = chosen.filter((one) => one !== value && (one === null) === (value === null));
    put(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...others, value]);
  };
  return (
    <div class="choice">
      <label class="field">
        <span class="unseen">Search {title}</span>
        <input type="search" placeholder="Search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
      </label>
      {values.error && <Trouble error={values.error} again={values.again} />}
      <div class="options" role="group" aria-label={title} tabIndex={-1}>
        {!values.value && values.isWaiting && <div class="skeleton line" />}
        {found.map((value) => (
          <label key={String(value)}>
            <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} />
            {valueOf(model, dimension, value)}
          </label>
        ))}
        {values.value && found.length === 0 && <p class="soft">Nothing is called so.</p>}
      </div>
      {isCut && !asked && <p class="soft">The first {number(MOST)}; search finds the others.</p>}
      <p class="buttons">
        <button type="button" disabled={chosen.length === 0} onClick={() => put([])}>
          All
        </button>
      </p>
    </div>
  );
}
