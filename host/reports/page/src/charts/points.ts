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
  /** The row that it is of, and the column of its value. */
  row: number;
  measure: number;
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
      measure,
      tip,
      on: isPicked ? isPicked(row) : true,
    }));
  });
}

/** A line for each column. */
export function tipOf(columns: Column[], row: Cell[], shown: number[]): string {
  return shown
    .flatMap((index) => {
      const column = columns[index];
      return column ? [`${label(column)}: ${cell(row[index], column)}`] : [];
    })
    .join("\n");
}

/** The series, in an order that does not change with what is filtered. */
export function seriesOf(all: Point[], isSorted: boolean): string[] {
  const names = [...new Set(all.map(({ s }) => s))];
  return isSorted ? names.sort(new Intl.Collator(undefined, { numeric: true }).compare) : names;
}

function textOf(value: Cell, column: Column | undefined): string {
  return column ? cell(value, { ...column, granularity: granularity(column) ?? null }) : String(value);
}
