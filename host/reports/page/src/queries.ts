// What a tile asks. `defaults` is what `wasmill report` asks too; docs/reports.md has the rule.

import type { Cell, Condition, Query, Range, Report, ReportFilter, Tile } from "./contract";
import { isDay, meet, moment, period, preset, shift, yearBefore } from "./dates";
import { type Chip, LOOK, type Look, type Picked } from "./state";

const ALL: Range = { from: null, before: null };

/** The queries of a report that nobody has touched, by the keys of their results. */
export function defaults(report: Report): Record<string, Query> {
  const queries: Record<string, Query> = {};
  for (const tile of report.tiles) {
    queries[tile.id] = tileQuery(report, tile, LOOK, "");
    const previous = previousQuery(report, tile, LOOK, "");
    if (previous) queries[`${tile.id}:previous`] = previous;
  }
  return queries;
}

export function tileQuery(report: Report, tile: Tile, look: Look, today: string): Query {
  const dimensions = asked(tile, look);
  const made: Query = { measures: tile.measures, dimensions, ...rowsOf(report, tile, look, today) };
  const order = orderOf(tile, look, dimensions);
  if (order.length > 0) made.order = order;
  if (tile.limit) made.limit = tile.limit;
  return made;
}

/** Of what a tile is compared with, if it is and the range of days has two ends. */
export function previousQuery(report: Report, tile: Tile, look: Look, today: string): Query | undefined {
  if (tile.kind !== "kpi" || !tile.compare) return undefined;
  const range = previousRange(report, tile, look, today);
  const { time_range: now, ...rest } = tileQuery(report, tile, look, today);
  return range && now && { ...rest, time_range: { dimension: now.dimension, ...range } };
}

export function previousRange(report: Report, tile: Tile, look: Look, today: string): Range | undefined {
  const { time_range: range } = rowsOf(report, tile, look, today);
  if (!range) return undefined;
  return tile.compare === "year" ? yearBefore(range) : shift(range, -1);
}

/** The dimensions that a tile asks now, which are others once it was gone down in. */
export function asked(tile: Tile, look: Look): string[] {
  const [first, ...others] = tile.dimensions ?? [];
  const isDown = (look.drill[tile.id]?.length ?? 0) > 0;
  const level = isDown ? levelOf(tile, look) : (first ?? levelOf(tile, look));
  const more = [tile.series, tile.kind === "map" && tile.latitude, tile.kind === "map" && tile.longitude];
  return [...new Set([level, ...others, ...more].filter((it): it is string => Boolean(it)))];
}

/** Of those, which a click is about: not where a point is. */
export function clickable(tile: Tile, look: Look): string[] {
  return asked(tile, look).filter((name) => tile.kind !== "map" || (name !== tile.latitude && name !== tile.longitude));
}

/** The level of its hierarchy that a tile shows, and whether there is one below. */
export function levelOf(tile: Tile, look: Look): string | undefined {
  return tile.drill?.[look.drill[tile.id]?.length ?? 0];
}

export function hasBelow(tile: Tile, look: Look): boolean {
  return (look.drill[tile.id]?.length ?? 0) + 1 < (tile.drill?.length ?? 0);
}

/** All that was clicked: chips, and what was gone down by. */
export function picks(report: Report, look: Look): (Chip & { isDrill: boolean })[] {
  const found = report.tiles.flatMap(({ id: tile, drill = [] }) =>
    (look.drill[tile] ?? [])
      .slice(0, drill.length)
      .map((value, level) => ({ tile, asked: drill[level] ?? "", values: [value], isDrill: true })),
  );
  return [...found, ...look.chips.map((chip) => ({ ...chip, isDrill: false }))];
}

/** The days of a filter. */
export function rangeOf(filter: ReportFilter, look: Look, today: string): Range {
  const typed = look.dates[filter.dimension];
  const common = filter.default && !Array.isArray(filter.default) ? filter.default : {};
  if (typed === undefined) return { from: common.from ?? null, before: common.before ?? null };
  const [from, before] = typed.split("..");
  if (!typed.includes("..")) return preset(typed, today) ?? ALL;
  return { from: isMoment(from) ? from : null, before: isMoment(before) ? before : null };
}

/** The values of a filter; none of them is all of them. */
export function valuesOf(filter: ReportFilter, look: Look): Cell[] {
  return look.values[filter.dimension] ?? (Array.isArray(filter.default) ? filter.default : []);
}

export function isTime({ kind }: Pick<ReportFilter, "kind">): boolean {
  return kind === "date" || kind === "timestamp";
}

/** A dimension as it is asked, in its parts. */
export function parts(asked: string): { name: string; granularity: string | undefined } {
  const [name = "", granularity] = asked.split(".");
  return { name, granularity };
}

/** The name of its column in an answer. */
export function column(asked: string): string {
  return asked.replace(".", "_");
}

/** The rows that a tile is about; `also` are those of them that have these values. */
export function rowsOf(
  report: Report,
  tile: Tile,
  look: Look,
  today: string,
  also: Picked[] = [],
): Pick<Query, "filters" | "time_range"> {
  const filters: Condition[] = [...(tile.filters ?? [])];
  const ranges = new Map<string, Range>();
  const narrow = (name: string, range: Range) => ranges.set(name, meet(ranges.get(name) ?? ALL, range));
  // The range of time is the first one: of what is picked by time, that time.
  for (const { name, granularity } of also.map(({ asked }) => parts(asked))) if (granularity) narrow(name, ALL);
  for (const filter of report.filters ?? []) {
    if (isTime(filter)) narrow(filter.dimension, rangeOf(filter, look, today));
    else filters.push(...among(filter.dimension, valuesOf(filter, look)));
  }
  const others = picks(report, look).filter((pick) => pick.tile !== tile.id || pick.isDrill);
  for (const pick of [...others, ...also]) {
    const { name, granularity } = parts(pick.asked);
    const [begin] = pick.values;
    if (granularity && isMoment(begin)) narrow(name, period(begin, granularity));
    else filters.push(...among(name, pick.values));
  }
  const [first, ...more] = ranges;
  for (const [dimension, range] of more) filters.push(...between(dimension, range));
  const made: Pick<Query, "filters" | "time_range"> = {};
  if (first && (first[1].from || first[1].before)) made.time_range = { dimension: first[0], ...first[1] };
  if (filters.length > 0) made.filters = filters;
  return made;
}

/** Whether it is a day or a time: a link may have anything. */
function isMoment(value: Cell | undefined): value is string {
  return typeof value === "string" && isDay(value.slice(0, 10)) && !Number.isNaN(moment(value));
}

function orderOf(tile: Tile, look: Look, dimensions: string[]) {
  const sort = look.sort[tile.id];
  if (sort) return [{ by: sort.replace(/^-/, ""), descending: sort.startsWith("-") }];
  const first = tile.dimensions?.[0] ?? "";
  // What was ordered by the level above is by this one.
  return (tile.order ?? []).map((order) =>
    order.by === first || order.by === column(first) ? { ...order, by: dimensions[0] ?? order.by } : order,
  );
}

function among(name: string, values: Cell[]): Condition[] {
  if (values.length === 0) return [];
  const known = values.filter((value) => value !== null);
  // Null is not a value that something can be equal to, so it is asked for alone.
  return known.length === 0 ? [{ name, operator: "is_null" }] : [{ name, operator: "equals", values: known }];
}

function between(name: string, { from, before }: Range): Condition[] {
  const conditions: Condition[] = [];
  if (from) conditions.push({ name, operator: "gte", values: [from] });
  if (before) conditions.push({ name, operator: "lt", values: [before] });
  return conditions;
}
