// Values as people read them, in their language.

import type { Cell, Column, Format, Range } from "./contract";
import { addDays, moment } from "./dates";

export const NONE = "–";

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `n${JSON.stringify(options)}`;
  let format = made.get(key) as Intl.NumberFormat | undefined;
  if (!format) made.set(key, (format = new Intl.NumberFormat(undefined, options)));
  return format;
}

function times(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `t${JSON.stringify(options)}`;
  let format = made.get(key) as Intl.DateTimeFormat | undefined;
  if (!format) made.set(key, (format = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options })));
  return format;
}

/** A number, with the digits that its measure is shown with. */
export function number(value: number, format?: Format | null): string {
  const { style, decimals } = format ?? {};
  const options = { ...styled(style), maximumFractionDigits: decimals ?? (style === "percent" ? 1 : 2) };
  if (decimals != null) options.minimumFractionDigits = decimals;
  return numbers(options).format(value);
}

/** The same, if it is known. */
export function written(value: number | null, format?: Format | null): string {
  return value === null ? NONE : number(value, format);
}

/** A share, without fractions of a per cent. */
export function percent(share: number): string {
  return numbers({ style: "percent", maximumFractionDigits: 0, signDisplay: "negative" }).format(share);
}

/** A number with as few digits as it needs, as on an axis; a compact one is `12K`. */
export function short(value: number, format?: Format | null, isCompact = false): string {
  const options: Intl.NumberFormatOptions = { ...styled(format?.style), minimumFractionDigits: 0, maximumFractionDigits: 2 };
  if (isCompact) Object.assign(options, { notation: "compact", maximumFractionDigits: 1 });
  return numbers(options).format(value);
}

function styled(style: Format["style"]): Intl.NumberFormatOptions {
  if (style === "percent") return { style };
  return typeof style === "object" ? { style: "currency", currency: style.currency } : {};
}

/** How much a number moved: of a percentage in points, of others in per cent of what it was. */
export function change(now: number, then: number, format?: Format | null): string | undefined {
  const sign = { signDisplay: "exceptZero", maximumFractionDigits: 1 } as const;
  if (format?.style === "percent") return `${numbers(sign).format((now - then) * 100)} pts`;
  if (then === 0) return undefined;
  return numbers({ ...sign, style: "percent" }).format((now - then) / Math.abs(then));
}

/** By how much a number moved, in its own unit; a percentage in points. */
export function signed(by: number, format?: Format | null): string {
  const { style, decimals } = format ?? {};
  const usual = style === "percent" ? 1 : 2;
  // Of a count, a third of one more is not nothing.
  const isSeen = decimals == null || Math.abs(by) * (style === "percent" ? 100 : 1) >= 0.5 / 10 ** decimals;
  const most = isSeen ? (decimals ?? usual) : Math.max(decimals, usual);
  const digits = { signDisplay: "exceptZero", maximumFractionDigits: most } as const;
  if (style === "percent") return `${numbers(digits).format(by * 100)} pts`;
  return numbers({ ...styled(style), ...digits }).format(by);
}

/** A day, a period or a time. */
export function time(value: string | number, granularity?: string | null, kind?: string | null): string {
  const at = typeof value === "number" ? value : moment(value);
  if (Number.isNaN(at)) return String(value);
  switch (granularity ?? (kind === "timestamp" ? "second" : "day")) {
    case "year":
      return times({ year: "numeric" }).format(at);
    case "quarter":
      return `Q${Math.floor(new Date(at).getUTCMonth() / 3) + 1} ${times({ year: "numeric" }).format(at)}`;
    case "month":
      return times({ year: "numeric", month: "short" }).format(at);
    case "hour":
      return times({ dateStyle: "medium", timeStyle: "short" }).format(at);
    case "second":
      return times({ dateStyle: "medium", timeStyle: "medium" }).format(at);
    default:
      return times({ dateStyle: "medium" }).format(at);
  }
}

/** A tick of an axis of time: as short as the ticks beside it allow. */
export function tick(at: number, span: number): string {
  const day = 86_400_000;
  if (span <= 2 * day) return times({ hour: "numeric", minute: "2-digit" }).format(at);
  if (span <= 300 * day) return times({ month: "short", day: "numeric" }).format(at);
  if (span <= 6 * 365 * day) return times({ month: "short", year: "numeric" }).format(at);
  return times({ year: "numeric" }).format(at);
}

/** A value of a column. */
export function cell(value: Cell | undefined, column: Column): string {
  if (value === null || value === undefined || value === "") return NONE;
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return number(value, column.format);
  if (typeof value === "object") return JSON.stringify(value);
  if (column.kind === "date" || column.kind === "timestamp") return time(value, granularity(column), column.kind);
  return value;
}

/** Of `date_month`, if the server does not say it, `month`. */
export function granularity(column: Column): string | undefined {
  if (column.granularity) return column.granularity;
  if (column.kind !== "date" && column.kind !== "timestamp") return undefined;
  return /_(year|quarter|month|week|day|hour)$/.exec(column.name)?.[1];
}

/** Days of a range, both ends included; of less than a day, the hour. */
export function days({ from, before }: Range): string {
  if (!from && !before) return "All time";
  if (from && before && from < before && moment(before) - moment(from) < 86_400_000) return time(from, "hour");
  const last = before && addDays(before.slice(0, 10), -1);
  if (!from) return `Until ${time(last as string)}`;
  if (!last) return `Since ${time(from)}`;
  return times({ dateStyle: "medium" }).formatRange(moment(from), moment(last));
}

/** When something was, in the zone of whoever reads. */
export function when(value: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(moment(value));
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${numbers({ maximumFractionDigits: 0 }).format(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${numbers({ maximumFractionDigits: 1 }).format(milliseconds / 1000)} s`;
  return `${numbers({ maximumFractionDigits: 1 }).format(milliseconds / 60_000)} min`;
}
