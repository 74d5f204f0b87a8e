import { useMemo } from "preact/hooks";
import type { View } from "vega";

import { isTimeColumn, label } from "../charts/points";
import type { Result } from "../contract";
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
  const shown = useMemo<Result | null>(() => {
    if (!x || !y) return null;
    const [from, to] = [columns.indexOf(x), columns.indexOf(y)];
    return { columns: [x, y], rows: result.rows.slice(0, 5001).map((row) => [row[from] ?? null, row[to] ?? null]), truncated: false };
  }, [result, x, y]);
  if (!x || !y || !shown) return null;
  const choice = (words: string, name: "x" | "y", value: string, of: Result["columns"]) => (
    <label class="pick">{words}
      <select value={value} onChange={(event) => change({ [name]: event.currentTarget.value })}>
        {of.map((column) => <option key={column.name} value={column.name}>{label(column)}</option>)}
      </select>
    </label>
  );
  return (
    <div class="quick">
      <div class="bar">
        <label class="pick">Chart
          <select value={typed.chart} onChange={(event) => change({ chart: event.currentTarget.value })}>
            <option value="none">None</option>
            <option value="line">Line</option>
            <option value="bar">Bars</option>
          </select>
        </label>
        {typed.chart !== "none" && choice("Across", "x", x.name, columns)}
        {typed.chart !== "none" && choice("Value", "y", y.name, numbers)}
      </div>
      {(typed.chart === "line" || typed.chart === "bar") && (
        <div class="body"><Body shape={{ kind: typed.chart, title: "Query", measures: [y.name] }} result={shown} handle={handle} /></div>
      )}
    </div>
  );
}
