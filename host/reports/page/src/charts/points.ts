// A result as the points of a chart.

import type { Cell, Column, Result } from "../contract";
import { moment } from "../dates";
import { cell, granularity } from "../format";

/** What a chart shows of a result, by the columns' places. */
export interface Plot {
  kind: "line" | "bar" | "map";
  result: Result;
  /** Along the axis of categories or of time. */
  x: number;
  series?: number | undefined;
  measures: number[];
  latitude?: number | undefined;
  longitude?: number | undefined;
  /** Whether a row was clicked; null if none was. */
  isPicked?: ((row: Cell[]) => boolean) | null;
  description: string;
}

export interface Point {
  x: number | string;
  y: number | null;
  /** The series. */
  s: string;
  /** The row that it is of. */
  row: number;
  /** What it says of itself. */
  tip: string;
  on: boolean;
}

export function isTimeColumn(column: Column | undefined): boolean {
  return column?.kind === "date" || column?.kind === "timestamp";
}

export function label(column: Column | undefined): string {
  return column?.title ?? column?.name.replaceAll("_", " ") ?? "";
}

/** A point for each measure of each row. Points of several measures are series of their names. */
export function points({ result: { columns, rows }, x, series, measures, isPicked }: Plot): Point[] {
  const isTime = isTimeColumn(columns[x]);
  return rows.flatMap((row, index) => {
    const value = row[x] ?? null;
    const tip = tipOf(columns, row, [x, ...(series === undefined ? [] : [series]), ...measures]);
    return measures.map((measure) => ({
      x: isTime && typeof value === "string" ? moment(value) : textOf(value, columns[x]),
      y: typeof row[measure] === "number" ? row[measure] : null,
      s: series === undefined ? label(columns[measure]) : textOf(row[series] ?? null, columns[series]),
      row: index,
      tip,
      on: isPicked ? isPicked(row) : true,
    }));
  });
}

/** A line for each column. */
export function tipOf(columns: Column[], row: Cell[], shown: number[]): string {
  return shown.flatMap((index) => {
    const column = columns[index];
    return column ? [`${label(column)}: ${cell(row[index], column)}`] : [];
  }).join("\n");
}

/** The series in the order of their sums, so that colours and legends say the most important first. */
export function seriesOf(all: Point[]): string[] {
  const sums = new Map<string, number>();
  for (const { s, y } of all) sums.set(s, (sums.get(s) ?? 0) + Math.abs(y ?? 0));
  return [...sums].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

function textOf(value: Cell, column: Column | undefined): string {
  return column ? cell(value, { ...column, granularity: granularity(column) ?? null }) : String(value);
}
