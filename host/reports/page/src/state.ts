// What is looked at. All of it is in the link: `#/report/departures?date.date=last-7-days&in.carrier=UA`.

import type { Cell, Values } from "./contract";

/** Rows that something was clicked on stands for: of a dimension, `date.month` or `carrier`, these values. */
export interface Picked {
  asked: string;
  values: Cell[];
}

export interface Chip extends Picked {
  tile: string;
}

/** Which number is asked about, why it is what it is. */
export interface WhyLook {
  tile: string;
  measure: string;
  /** The mark that it is of; nothing is all that the tile shows. */
  of: Picked[];
  /** The id of what it is compared with, and the dimensions that are looked at; empty as long as nobody chose. */
  with: string;
  by: string[];
  /** The causes that are left out. */
  exclude: Values[];
  /** The dimension among whose values the change is divided; empty as long as nobody chose. */
  parts: string;
}

/** How a report is looked at; what is not here is as the report has it. */
export interface Look {
  /** By dimension: a preset's id, or `2013-01-01..2013-02-01`, where either may be missing. */
  dates: Record<string, string>;
  /** By dimension: which values. */
  values: Record<string, Cell[]>;
  chips: Chip[];
  /** By tile: the values that were gone down by. */
  drill: Record<string, Cell[]>;
  /** By tile: a column, with `-` before it from the greatest on. */
  sort: Record<string, string>;
  /** The tiles whose charts are shown as tables. */
  tables: string[];
  /** What is asked why, in the panel. */
  why: WhyLook | null;
}

/** What is explored. */
export interface Ask {
  measures: string[];
  dimensions: string[];
  chart: string;
  date: string;
  sort: string;
  limit: number;
}

export interface Typed {
  sql: string;
  limit: number;
  chart: string;
  x: string;
  y: string;
  /** What of the values of one place along the axis: `mean`, `sum`, `count` or each `row`. */
  how: string;
}

export type State =
  { view: "home" } | { view: "report"; id: string; look: Look } | { view: "explore"; ask: Ask } | { view: "sql"; typed: Typed };

export const LOOK: Look = { dates: {}, values: {}, chips: [], drill: {}, sort: {}, tables: [], why: null };
export const WHY: WhyLook = { tile: "", measure: "", of: [], with: "", by: [], exclude: [], parts: "" };
export const ASK: Ask = { measures: [], dimensions: [], chart: "auto", date: "", sort: "", limit: 100 };
export const TYPED: Typed = { sql: "", limit: 10_000, chart: "none", x: "", y: "", how: "mean" };

export function link(state: State): string {
  const to = new URLSearchParams();
  const put = (name: string, value: string | number, unless: string | number) => {
    if (value !== unless) to.append(name, String(value));
  };
  if (state.view === "home") return "#/";
  if (state.view === "report") {
    const { look } = state;
    for (const [name, value] of Object.entries(look.dates)) to.append(`date.${name}`, value);
    // No value at all is not the same as what the report has.
    for (const [name, values] of Object.entries(look.values)) append(to, `in.${name}`, values, true);
    for (const { tile, asked, values } of look.chips) append(to, `chip.${tile}.${asked}`, values);
    for (const [tile, values] of Object.entries(look.drill)) append(to, `drill.${tile}`, values);
    for (const [tile, value] of Object.entries(look.sort)) to.append(`sort.${tile}`, value);
    for (const tile of look.tables) to.append("table", tile);
    if (look.why) putWhy(to, look.why);
  } else if (state.view === "explore") {
    const { ask } = state;
    for (const name of ask.measures) to.append("measure", name);
    for (const name of ask.dimensions) to.append("by", name);
    put("chart", ask.chart, ASK.chart);
    put("date", ask.date, ASK.date);
    put("sort", ask.sort, ASK.sort);
    put("limit", ask.limit, ASK.limit);
  } else {
    const { typed } = state;
    for (const name of ["sql", "limit", "chart", "x", "y", "how"] as const) put(name, typed[name], TYPED[name]);
  }
  const path = state.view === "report" ? `report/${encodeURIComponent(state.id)}` : state.view;
  const text = to.toString();
  return `#/${path}${text && `?${text}`}`;
}

export function read(hash: string): State {
  const [path = "", query = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [view, id] = path.split("/");
  const from = new URLSearchParams(query);
  const count = (unless: number) => Math.max(1, Math.floor(Number(from.get("limit")) || unless));
  switch (view) {
    case "report":
      return id ? { view, id: decoded(id), look: look(from) } : { view: "home" };
    case "explore":
      return {
        view,
        ask: {
          measures: from.getAll("measure"),
          dimensions: from.getAll("by"),
          chart: from.get("chart") ?? ASK.chart,
          date: from.get("date") ?? ASK.date,
          sort: from.get("sort") ?? ASK.sort,
          limit: count(ASK.limit),
        },
      };
    case "sql":
      return {
        view,
        typed: {
          sql: from.get("sql") ?? "",
          limit: count(TYPED.limit),
          chart: from.get("chart") ?? TYPED.chart,
          x: from.get("x") ?? "",
          y: from.get("y") ?? "",
          how: from.get("how") ?? TYPED.how,
        },
      };
    default:
      return { view: "home" };
  }
}

function look(from: URLSearchParams): Look {
  const look: Look = structuredClone(LOOK);
  for (const [name, text] of from) {
    const [kind = "", of = ""] = split(name, ".");
    if (kind === "date") look.dates[of] = text;
    else if (kind === "in") {
      const values = (look.values[of] ??= []);
      if (text) values.push(value(text));
    } else if (kind === "chip") {
      const [tile = "", asked = ""] = split(of, ".");
      const chip = look.chips.find((chip) => chip.tile === tile && chip.asked === asked);
      if (chip) chip.values.push(value(text));
      else look.chips.push({ tile, asked, values: [value(text)] });
    } else if (kind === "drill") (look.drill[of] ??= []).push(value(text));
    else if (kind === "sort") look.sort[of] = text;
    else if (name === "table") look.tables.push(text);
    else if (kind === "why") takeWhy((look.why ??= structuredClone(WHY)), of, text);
  }
  // Nothing is asked about no measure of no tile.
  if (!look.why?.tile || !look.why.measure) look.why = null;
  return look;
}

/** `why.tile=days&why.measure=late_share&why.of.date.day=2013-01-31&why.not={"carrier":"UA"}` */
function putWhy(to: URLSearchParams, { tile, measure, of, with: compared, by, exclude, parts }: WhyLook) {
  to.append("why.tile", tile);
  to.append("why.measure", measure);
  for (const { asked, values } of of) append(to, `why.of.${asked}`, values);
  if (compared) to.append("why.with", compared);
  for (const name of by) to.append("why.by", name);
  for (const cause of exclude) to.append("why.not", JSON.stringify(cause));
  if (parts) to.append("why.parts", parts);
}

function takeWhy(why: WhyLook, name: string, text: string) {
  const [kind, asked] = split(name, ".");
  if (kind === "of" && asked) {
    const found = why.of.find((one) => one.asked === asked);
    if (found) found.values.push(value(text));
    else why.of.push({ asked, values: [value(text)] });
  } else if (name === "tile" || name === "measure" || name === "with" || name === "parts") why[name] = text;
  else if (name === "by") why.by.push(text);
  else if (name === "not") why.exclude.push(...causes(text));
}

/** A cause, unless somebody broke it. */
function causes(text: string): Values[] {
  try {
    const found = JSON.parse(text) as unknown;
    if (typeof found !== "object" || found === null || Array.isArray(found)) return [];
    const isRight = Object.values(found).every((value) => value === null || typeof value === "string");
    return isRight && Object.keys(found).length > 0 ? [found as Values] : [];
  } catch {
    return [];
  }
}

function append(to: URLSearchParams, name: string, values: Cell[], isEmptySaid = false) {
  for (const value of values) to.append(name, written(value));
  if (isEmptySaid && values.length === 0) to.append(name, "");
}

/** Text stands as it is, unless it would be read as something else. */
function written(cell: Cell): string {
  return typeof cell === "string" && cell !== "" && value(cell) === cell ? cell : JSON.stringify(cell);
}

function value(text: string): Cell {
  if (!/^("|null$|true$|false$|-?\d+(\.\d+)?(e[+-]?\d+)?$)/i.test(text)) return text;
  try {
    return JSON.parse(text) as Cell;
  } catch {
    return text;
  }
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + at.length)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
