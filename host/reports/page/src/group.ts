// Rows put together by a column.

import type { Cell, Result } from "./contract";
import { label } from "./charts/points";
import { sorted } from "./drawing";

export const HOW = [
  ["mean", "Mean"],
  ["sum", "Sum"],
  ["count", "Count"],
  ["row", "Each row"],
] as const;

/** Two columns, `y` put together for each value of `x`, which they are in the order of. */
export function grouped({ columns, rows }: Pick<Result, "columns" | "rows">, x: number, y: number, how: string): Result {
  const [across, value] = [columns[x], columns[y]];
  if (!across || !value) return { columns: [], rows: [], truncated: false };
  if (how === "row")
    return { columns: [across, value], rows: rows.map((row) => [row[x] ?? null, row[y] ?? null]), truncated: false };
  const groups = new Map<Cell, { sum: number; count: number; known: number }>();
  for (const row of rows) {
    const key = row[x] ?? null;
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { sum: 0, count: 0, known: 0 }));
    group.count++;
    if (typeof row[y] !== "number") continue;
    group.sum += row[y];
    group.known++;
  }
  const all = [...groups].map(([key, { sum, count, known }]): Cell[] => {
    if (how === "count") return [key, count];
    return [key, known === 0 ? null : how === "sum" ? sum : sum / known];
  });
  const title = how === "count" ? "Rows" : `${how === "sum" ? "Sum" : "Mean"} of ${label(value)}`;
  const made = [across, { ...value, kind: "number" as const, title }];
  return { columns: made, rows: sorted(all, made, across.name), truncated: false };
}
