// Days as `2013-01-31`, and ranges of them: from a day on, until before another.

import type { Range } from "./contract";

const DAY = 86_400_000;

export const PRESETS = [
  ["today", "Today"],
  ["last-7-days", "Last 7 days"],
  ["last-30-days", "Last 30 days"],
  ["this-month", "This month"],
  ["last-month", "Last month"],
  ["this-year", "This year"],
  ["last-year", "Last year"],
  ["all", "All time"],
] as const;

/** The day that it is where the page is looked at. */
export function dayHere(): string {
  const now = new Date();
  return text(now.getTime() - now.getTimezoneOffset() * 60_000);
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

export function addDays(day: string, count: number): string {
  return text(Date.parse(day) + count * DAY);
}

/** The same day of another month, or its last. */
export function addMonths(day: string, count: number): string {
  const date = new Date(Date.parse(day));
  const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1);
  const end = new Date(first);
  const last = Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0);
  return text(Math.min(first + (date.getUTCDate() - 1) * DAY, last));
}

/** The days of a preset. */
export function preset(id: string, today: string): Range | undefined {
  const month = `${today.slice(0, 7)}-01`;
  const year = `${today.slice(0, 4)}-01-01`;
  const tomorrow = addDays(today, 1);
  switch (id) {
    case "today":
      return { from: today, before: tomorrow };
    case "last-7-days":
      return { from: addDays(tomorrow, -7), before: tomorrow };
    case "last-30-days":
      return { from: addDays(tomorrow, -30), before: tomorrow };
    case "this-month":
      return { from: month, before: addMonths(month, 1) };
    case "last-month":
      return { from: addMonths(month, -1), before: month };
    case "this-year":
      return { from: year, before: addMonths(year, 12) };
    case "last-year":
      return { from: addMonths(year, -12), before: year };
    case "all":
      return { from: null, before: null };
    default:
      return undefined;
  }
}

/** A range as long as this, so many of them later: whole months stay whole months. */
export function shift({ from, before }: Range, count: number): Range | undefined {
  if (!from || !before) return undefined;
  const [start, end] = [from.slice(0, 10), before.slice(0, 10)];
  if (start.endsWith("-01") && end.endsWith("-01")) {
    const months = monthsOf(end) - monthsOf(start);
    return { from: addMonths(start, count * months), before: addMonths(end, count * months) };
  }
  const days = Math.round((Date.parse(end) - Date.parse(start)) / DAY);
  return { from: addDays(start, count * days), before: addDays(end, count * days) };
}

/** The same days a year before. */
export function yearBefore({ from, before }: Range): Range | undefined {
  if (!from || !before) return undefined;
  return { from: addMonths(from.slice(0, 10), -12), before: addMonths(before.slice(0, 10), -12) };
}

/** The moments of a period that begins with one. */
export function period(begin: string, granularity: string | undefined): Range {
  const day = begin.slice(0, 10);
  switch (granularity) {
    case "year":
      return { from: day, before: addMonths(day, 12) };
    case "quarter":
      return { from: day, before: addMonths(day, 3) };
    case "month":
      return { from: day, before: addMonths(day, 1) };
    case "week":
      return { from: day, before: addDays(day, 7) };
    case "hour":
      return { from: begin, before: new Date(moment(begin) + 3_600_000).toISOString().slice(0, 19) };
    default:
      return { from: day, before: addDays(day, 1) };
  }
}

/** What two ranges have in common. */
export function meet(a: Range, b: Range): Range {
  const from = !a.from || (b.from && moment(b.from) > moment(a.from)) ? b.from : a.from;
  const before = !a.before || (b.before && moment(b.before) < moment(a.before)) ? b.before : a.before;
  // The server wants the first before the last; nothing is between a moment and itself.
  return from && before && moment(before) < moment(from) ? { from, before: from } : { from, before };
}

/** Milliseconds of a day or a time; one without a zone is of UTC, as the server's are. */
export function moment(value: string): number {
  return Date.parse(
    /[T ]\d{2}:\d{2}/.test(value) && !/(Z|[+-]\d{2}:?\d{2})$/.test(value) ? `${value.replace(" ", "T")}Z` : value,
  );
}

function monthsOf(day: string): number {
  return Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7));
}

function text(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}
