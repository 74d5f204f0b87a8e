import { useMemo } from "preact/hooks";

import { division, MIX, OTHERS, restOf } from "../charts/waterfall";
import type { Explanation, Model, Part, PartValue, Values } from "../contract";
import { NONE, number, percent, written } from "../format";
import { Fall } from "./Fall";
import { titleOf, valueOf } from "./names";

interface Props {
  model: Model;
  value: Explanation;
  part: Part;
  onChoose: (dimension: string) => void;
  onWithin: (value: Values) => void;
}

/** How the change divides among the values of a dimension. */
export function Parts({ model, value, part, onChoose, onWithin }: Props) {
  const { dimension } = part;
  const title = titleOf(model, dimension);
  const plot = useMemo(
    () => division(value, part, `${titleOf(model, value.measure)} by ${title}`, (one) => valueOf(model, dimension, one.value)),
    [value, part, model],
  );
  return (
    <>
      {value.parts.length > 1 && (
        <div class="pills" role="group" aria-label="Divide the change by">
          {value.parts.map(({ dimension: one }) => (
            <button key={one} type="button" aria-pressed={one === dimension} onClick={() => onChoose(one)}>
              {titleOf(model, one)}
            </button>
          ))}
        </div>
      )}
      {plot && <Fall plot={plot} />}
      <PartTable model={model} value={value} part={part} onWithin={onWithin} />
    </>
  );
}

function PartTable({ model, value: of, part: { dimension, values, others }, onWithin }: Omit<Props, "onChoose">) {
  const { actual, expected, format } = of;
  const whole = actual === null || expected === null ? 0 : actual - expected;
  const rest = restOf(of, [...values.map(({ impact }) => impact), others]);
  const more = [
    [OTHERS, others],
    [MIX, rest],
  ] as const;
  return (
    <table class="parts">
      <thead>
        <tr>
          <th scope="col">{titleOf(model, dimension)}</th>
          <th scope="col">Actual</th>
          <th scope="col">Expected</th>
          <th scope="col">Of the change</th>
        </tr>
      </thead>
      <tbody>
        {values.map((one) => {
          const name = valueOf(model, dimension, one.value);
          return (
            <tr key={JSON.stringify(one.value)}>
              <th scope="row">
                <button
                  type="button"
                  class="plain"
                  title={`Why, of these ${rowsOf(one)} only?`}
                  aria-label={`Why? Only ${titleOf(model, dimension)}: ${name}`}
                  onClick={() => onWithin({ [dimension]: one.value })}
                >
                  {name}
                </button>
              </th>
              <td>{written(one.actual, format)}</td>
              <td>{written(one.expected, format)}</td>
              <td>{shareOf(one.share)}</td>
            </tr>
          );
        })}
        {more.map(
          ([name, impact]) =>
            impact !== 0 && (
              <tr key={name} class="soft">
                <th scope="row" colSpan={3}>
                  {name}
                </th>
                <td>{shareOf(whole === 0 ? null : impact / whole)}</td>
              </tr>
            ),
        )}
      </tbody>
    </table>
  );
}

function rowsOf({ rows }: PartValue): string {
  return `${number(rows)} ${rows === 1 ? "row" : "rows"}`;
}

/** Of next to no change everything is many times as much. */
function shareOf(share: number | null): string {
  if (share === null) return NONE;
  return Math.abs(share) >= 10 ? `${share < 0 ? "−" : ""}many times` : percent(share);
}
