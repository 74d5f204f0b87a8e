// What is asked of the server, when somebody asks why a number is what it is.

import type { Comparison, Condition, Model, Part, PartValue, Range, Report, Tile, Values, Why } from "./contract";
import { isDay, moment, shift, yearBefore } from "./dates";
import { parts, rowsOf } from "./queries";
import { type Look, type Picked, WHY, type WhyLook } from "./state";

/** Something that a number can be compared with, by what it is called in the link. */
export interface Choice {
  id: string;
  compare: Comparison;
  /** Of the rest of a time, what the mark is one of: a `day`. */
  granularity?: string;
}

/** What share of the greatest impact is worth a line of its own. */
const LEAST = 0.005;

export interface Question {
  tile: Tile;
  /** What is asked of the server. */
  why: Why & { compare: Comparison; by: string[]; exclude: Values[] };
  chosen: Choice;
  choices: Choice[];
  /** The measures of the tile that can be explained, and the dimensions that may be looked at. */
  measures: string[];
  dimensions: string[];
}

/** The measures of a tile that have causes. */
export function explained(model: Model, { measures }: Tile): string[] {
  return measures.filter((name) => model.measures.find((one) => one.name === name)?.explain);
}

/** What a look asks; nothing if that cannot be asked, because there is nothing to compare with. */
export function question(report: Report, model: Model, look: Look, today: string): Question | undefined {
  const { why } = look;
  const tile = report.tiles.find(({ id }) => id === why?.tile);
  if (!why || !tile) return undefined;
  const measures = explained(model, tile);
  const explain = model.measures.find(({ name }) => name === why.measure)?.explain;
  if (!explain || !measures.includes(why.measure)) return undefined;

  const around = above(tile, look, why.of);
  const { filters = [], time_range } = rowsOf(report, tile, around, today, why.of);
  // A limit of a measure is of what a tile shows, not of rows.
  const conditions = without(filters.filter(({ name }) => !model.measures.some((measure) => measure.name === name)));
  // The days that are shown are not narrowed by the one of the mark.
  const whole = why.of.map((one) => (parts(one.asked).granularity ? { ...one, values: [] } : one));
  const { time_range: shown } = rowsOf(report, tile, around, today, whole);
  const granularity = why.of.map(({ asked }) => parts(asked).granularity).find(Boolean);
  const rest = time_range && granularity ? restOf(time_range, shown, granularity) : [];
  const choices = [...rest, ...comparisons(conditions, time_range)];
  const chosen = choices.find(({ id }) => id === why.with) ?? common(choices, tile, why.of);
  if (!chosen) return undefined;

  const fixed = conditions.filter(isFixed).map(({ name }) => name);
  const dimensions = explain.dimensions.filter((name) => !fixed.includes(name));
  const known = why.by.filter((name) => dimensions.includes(name));
  const usual = explain.default.filter((name) => dimensions.includes(name));
  const by = known.length > 0 ? known : usual.length > 0 ? usual : dimensions;
  // What is not looked at is no cause that could be left out.
  const exclude = why.exclude.filter((cause) => Object.keys(cause).every((name) => by.includes(name)));
  const asked = { measure: why.measure, compare: chosen.compare, by, exclude };
  return {
    tile,
    why: { ...asked, ...(conditions.length > 0 ? { filters: conditions } : {}), ...(time_range ? { time_range } : {}) },
    chosen,
    choices,
    measures,
    dimensions,
  };
}

/** What to look at to ask why of a mark, or of all that a tile shows; nothing if it cannot be asked. */
export function wondered(
  report: Report,
  model: Model,
  look: Look,
  today: string,
  tile: Tile,
  of: Picked[] = [],
  measure = explained(model, tile)[0],
): WhyLook | undefined {
  if (!measure) return undefined;
  const why = { ...WHY, tile: tile.id, measure, of };
  return question(report, model, { ...look, why }, today) && why;
}

/** The division of a change that is shown: the one that was chosen, or the one with the value that has the largest share of it. */
export function partOf(parts: Part[], chosen: string): Part | undefined {
  const all = parts.filter(({ values }) => values.length > 0);
  const named = all.find(({ dimension }) => dimension === chosen);
  if (named) return tidy(named);
  // Of a dimension with one value nothing is learnt: all of the change is there.
  const isDivided = ({ values, others }: Part) => others !== 0 || values.filter(({ impact }) => impact).length > 1;
  const divided = all.some(isDivided) ? all.filter(isDivided) : all;
  const most = ({ values }: Part) => Math.max(0, ...values.map(({ share }) => Math.abs(share ?? 0)));
  const [first, ...more] = divided;
  return first && tidy(more.reduce((best, one) => (most(best) >= most(one) ? best : one), first));
}

/** What hardly moved anything is among the others. */
function tidy({ dimension, values, others }: Part): Part {
  const least = LEAST * Math.max(...values.map(({ impact }) => Math.abs(impact ?? 0)));
  const isSmall = ({ impact }: PartValue) => impact !== null && Math.abs(impact) < least;
  const small = values.filter(isSmall).reduce((sum, { impact }) => sum + (impact ?? 0), others);
  return { dimension, values: values.filter((one) => !isSmall(one)), others: Math.abs(small) < least ? 0 : small };
}

/** A cause as it can be filtered by. */
export function pickedOf(model: Model, cause: Values): Picked[] {
  return Object.entries(cause).map(([asked, value]) => {
    const kind = model.dimensions.find(({ name }) => name === asked)?.kind;
    if (value !== null && kind === "number") return { asked, values: [Number(value)] };
    return { asked, values: [value !== null && kind === "boolean" ? value === "true" : value] };
  });
}

/** A tile that was gone down in, back at the level that it is asked about. */
function above(tile: Tile, look: Look, of: Picked[]): Look {
  const path = look.drill[tile.id] ?? [];
  const level = (tile.drill ?? []).slice(0, path.length).findIndex((level) => of.some(({ asked }) => asked === level));
  return level < 0 ? look : { ...look, drill: { ...look.drill, [tile.id]: path.slice(0, level) } };
}

/** The rest of the time that is shown, if it is more than what is asked about. */
function restOf(range: Range, shown: (Range & { dimension: string }) | undefined, granularity: string): Choice[] {
  if (!shown?.from || !shown.before || !range.from || !range.before) return [];
  const { from, before } = shown;
  if (moment(from) >= moment(range.from) && moment(before) <= moment(range.before)) return [];
  return [{ id: "rest", compare: { with: "rest", from, before }, granularity }];
}

function comparisons(conditions: Condition[], range: Range | undefined): Choice[] {
  const found: Choice[] = [];
  if (range?.from && range.before) {
    found.push({ id: "usual", compare: { with: "usual" } });
    // Of hours, the days before would not be as long.
    const isOfDays = isWholeDay(range.from) && isWholeDay(range.before);
    for (const [id, { from, before } = range] of [["period", shift(range, -1)], ["year", yearBefore(range)]] as const)
      if (isOfDays && from && before) found.push({ id, compare: { with: "period", from, before } });
  }
  for (const { name } of conditions.filter((one) => isFixed(one) && one.operator === "equals"))
    found.push({ id: `others.${name}`, compare: { with: "others", name } });
  return found;
}

/** What it is compared with if nobody chose. */
function common(choices: Choice[], { kind, compare }: Tile, of: Picked[]): Choice | undefined {
  const named = (id: string | undefined) => choices.find((choice) => choice.id === id);
  const first = of.find(({ asked }) => named(`others.${asked}`));
  if (of.some(({ asked }) => parts(asked).granularity)) return named("rest") ?? named("usual") ?? choices[0];
  if (first) return named(`others.${first.asked}`);
  if (kind === "kpi" && compare) return named(compare === "year" ? "year" : "period") ?? choices[0];
  return choices[0];
}

/** Whether a dimension has one value then. */
function isFixed({ operator, values = [] }: Condition): boolean {
  return operator === "is_null" || (operator === "equals" && values.length === 1);
}

/** The conditions that do not follow from others: the values of a mark are among those that its report is filtered by. */
function without(conditions: Condition[]): Condition[] {
  const follows = (one: Condition, from: Condition) =>
    one.name === from.name &&
    one.operator === from.operator &&
    (one.operator === "equals" || one.operator === "is_null") &&
    (from.values ?? []).every((value) => one.values?.includes(value));
  return conditions.filter(
    (one, at) => !conditions.some((other, index) => index !== at && follows(one, other) && (index > at || !follows(other, one))),
  );
}

function isWholeDay(moment: string): boolean {
  return isDay(moment.slice(0, 10)) && /^(T00:00(:00)?(\.0+)?Z?)?$/.test(moment.slice(10));
}
