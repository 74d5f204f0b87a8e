// Which columns of a result a chart shows where.

import type { Cell, Column, Result, Tile } from "./contract";
import { isTimeColumn, label, type Plot } from "./charts/points";
import { column } from "./queries";
import type { Chip } from "./state";

type Shape = Pick<Tile, "title" | "series" | "latitude" | "longitude"> & { kind: Plot["kind"]; measures: string[] };

export function plotOf(shape: Shape, result: Result, isPicked: Plot["isPicked"]): Plot | null {
  const { columns } = result;
  const at = (name: string | null | undefined) => {
    const index = name ? columns.findIndex((one) => one.name === column(name)) : -1;
    return index < 0 ? undefined : index;
  };
  const measures = shape.measures.map(at).filter((index) => index !== undefined);
  const [series, latitude, longitude] = [at(shape.series), at(shape.latitude), at(shape.longitude)];
  const taken = new Set([...measures, series, latitude, longitude]);
  const found = columns.findIndex((_, index) => !taken.has(index));
  // By the series alone: it is along the axis then.
  const x = found < 0 ? series : found;
  if (x === undefined || measures.length === 0) return null;
  const plot: Plot = {
    kind: shape.kind,
    result,
    x,
    series: x === series ? undefined : series,
    measures,
    latitude,
    longitude,
    isPicked: isPicked ?? null,
    description: "",
  };
  return { ...plot, description: describe(shape, plot) };
}

/** Whether a row is what was clicked in its own tile; null if nothing was. */
export function pickedBy(chips: Chip[], columns: Column[]): Plot["isPicked"] {
  const tests = chips
    .map(({ asked, values }) => ({ index: columns.findIndex(({ name }) => name === column(asked)), values }))
    .filter(({ index }) => index >= 0);
  if (tests.length === 0) return null;
  return (row: Cell[]) => tests.every(({ index, values }) => values.includes(row[index] ?? null));
}

/** Rows in the order of a column, null last. */
export function sorted(rows: Cell[][], columns: Column[], sort: string): Cell[][] {
  const index = columns.findIndex(({ name }) => name === sort.replace(/^-/, ""));
  if (index < 0) return rows;
  const sign = sort.startsWith("-") ? -1 : 1;
  // Texts are compared once for each that there is: that is slow, and of 100,000 rows many have the same.
  const texts = [...new Set(rows.map((row) => row[index]).filter((value) => typeof value === "string"))];
  const ranks = new Map(texts.sort(new Intl.Collator(undefined, { numeric: true }).compare).map((text, rank) => [text, rank]));
  const key = (row: Cell[]) => {
    const value = row[index] ?? null;
    return value === null ? null : typeof value === "string" ? (ranks.get(value) ?? 0) : Number(value);
  };
  const keyed = rows.map((row) => ({ row, key: key(row) }));
  keyed.sort(({ key: a }, { key: b }) => (a === null || b === null ? (a === b ? 0 : a === null ? 1 : -1) : sign * (a - b)));
  return keyed.map(({ row }) => row);
}

/** What kind of chart suits a result. */
export function kindFor(columns: Column[], dimensions: number): "line" | "bar" | "table" {
  if (dimensions === 0 || dimensions > 2) return "table";
  return columns.slice(0, dimensions).some(isTimeColumn) ? "line" : "bar";
}

function describe({ title, kind }: Shape, { result: { columns, rows }, x, series, measures }: Plot): string {
  const by = [label(columns[x]), ...(series === undefined ? [] : [label(columns[series])])].join(" and ");
  const words = { line: "Line chart", bar: "Bar chart", map: "Map" }[kind];
  return `${title}. ${words} of ${measures.map((index) => label(columns[index])).join(", ")} by ${by}, ${rows.length} values. The menu shows them as a table.`;
}
