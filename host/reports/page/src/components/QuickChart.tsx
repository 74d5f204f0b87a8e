import { useMemo } from "preact/hooks";
import type { View } from "vega";

import { isTimeColumn, label } from "../charts/points";
import type { Column, Result } from "../contract";
import { grouped, HOW } from "../group";
import type { Typed } from "../state";
import { Body } from "./Body";

interface Props {
  result: Result;
  typed: Typed;
  change: (to: Partial<Typed>) => void;
  handle: { current: View | null };
}

/** One column by another. */
export function QuickChart({ result, typed, change, handle }: Props) {
  const { columns } = result;
  const isNumber = (index: number) => result.rows.some((row) => typeof row[index] === "number");
  const numbers = columns.filter((_, index) => isNumber(index));
  const others = columns.filter((column, index) => !isNumber(index) || isTimeColumn(column));
  const x = columns.find(({ name }) => name === typed.x) ?? others[0] ?? columns[0];
  const y = numbers.find(({ name }) => name === typed.y) ?? numbers.find((column) => column !== x);
  const isDrawn = typed.chart === "line" || typed.chart === "bar";
  const shown = useMemo(
    () => (x && y && isDrawn ? grouped(result, columns.indexOf(x), columns.indexOf(y), typed.how) : null),
    [result, x, y, typed.how, isDrawn],
  );
  if (!x || !y) return null;
  const choice = (words: string, name: "x" | "y" | "how" | "chart", value: string, of: (readonly [string, string])[]) => (
    <label class="pick">
      {words}
      <select value={value} onChange={(event) => change({ [name]: event.currentTarget.value })}>
        {of.map(([id, words]) => (
          <option key={id} value={id}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div class="quick">
      <div class="bar">
        {choice("Chart", "chart", typed.chart, [
          ["none", "None"],
          ["line", "Line"],
          ["bar", "Bars"],
        ])}
        {isDrawn && choice("Across", "x", x.name, named(columns))}
        {isDrawn && choice("Of", "y", y.name, named(numbers))}
        {isDrawn && choice("As", "how", typed.how, [...HOW])}
      </div>
      {shown && (typed.chart === "line" || typed.chart === "bar") && (
        <div class="body">
          <Body shape={{ kind: typed.chart, title: "Query", measures: [y.name] }} result={shown} handle={handle} />
        </div>
      )}
    </div>
  );
}

function named(columns: Column[]): [string, string][] {
  return columns.map((column) => [column.name, label(column)]);
}
