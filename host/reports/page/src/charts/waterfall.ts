// From what was expected to what is, cause by cause or value by value, as Vega has it.

import type { Spec } from "vega";

import type { Cause, Explanation, Format, Part, PartValue } from "../contract";
import { number, signed } from "../format";
import type { Theme } from "../theme";
import type { Size } from "./specs";
import { numberLabel } from "./specs";
import { colors, config, FONT } from "./style";

/** How high a step is, and the axis below them. */
const ROW = 46;
const AXIS = 34;
/** What share of the greatest move is a step. */
const LEAST = 0.005;

/** What stands for the values that are not shown, and for what no value moved. */
export const OTHERS = "Other values";
export const MIX = "Change of the mix";

export interface Step {
  kind: "whole" | "more" | "less";
  name: string;
  /** Whether it is what no cause, or no value that is shown, stands for. */
  isRest?: boolean;
  from: number;
  to: number;
  /** What stands at its end, and what it says of itself. */
  text: string;
  tip: string;
}

export interface Waterfall {
  kind: "waterfall";
  steps: Step[];
  /** Where the axis begins and ends. */
  domain: [number, number];
  format: Format | null;
  description: string;
}

interface Move {
  name: string;
  by: number | null;
  isRest?: boolean;
}

/** By the causes; `nameOf` says what one is called. Nothing if one of the ends is not known. */
export function waterfall(of: Explanation, title: string, nameOf: (cause: Cause) => string): Waterfall | null {
  const moves = of.causes.map((cause) => ({ name: nameOf(cause), by: cause.impact }));
  return between(of, title, moves, of.causes.some(({ impact }) => impact !== null) ? "Everything else" : "Everything");
}

/** By the values of a dimension. */
export function division(
  of: Explanation,
  { values, others }: Part,
  title: string,
  nameOf: (value: PartValue) => string,
): Waterfall | null {
  const moves: Move[] = values.map((value) => ({ name: nameOf(value), by: value.impact }));
  if (others !== 0) moves.push({ name: OTHERS, by: others, isRest: true });
  return between(of, title, moves, MIX);
}

/** What moves that do not add up to the change leave; nothing if that is hardly anything. */
export function restOf({ actual, expected }: Explanation, moves: (number | null)[]): number {
  if (actual === null || expected === null) return 0;
  const rest = actual - moves.reduce<number>((at, by) => at + (by ?? 0), expected);
  // Sums of fractions are never quite what they should be.
  const most = Math.max(Math.abs(actual - expected), ...moves.map((by) => Math.abs(by ?? 0)));
  return Math.abs(rest) > LEAST * most ? rest : 0;
}

function between(of: Explanation, title: string, moves: Move[], restName: string): Waterfall | null {
  const { actual, expected, format = null } = of;
  if (actual === null || expected === null) return null;
  const whole = (name: string, value: number): Step => {
    const text = number(value, format);
    return { kind: "whole", name, from: 0, to: value, text, tip: `${name}: ${text}` };
  };
  const steps = [whole("Expected", expected)];
  let at = expected;
  const move = (name: string, by: number, isRest = false) => {
    const text = signed(by, format);
    steps.push({ kind: by < 0 ? "less" : "more", name, isRest, from: at, to: at + by, text, tip: `${name}: ${text}` });
    at += by;
  };
  for (const { name, by, isRest } of moves) if (by !== null) move(name, by, isRest);
  const rest = restOf(
    of,
    moves.map(({ by }) => by),
  );
  if (rest !== 0) move(restName, rest, true);
  steps.push(whole("Actual", actual));
  return {
    kind: "waterfall",
    steps,
    domain: domainOf(steps),
    format,
    description: `Waterfall chart of ${title}: ${steps.map(({ tip }) => tip).join("; ")}.`,
  };
}

/** How high the chart of so many steps is. */
export function heightOf({ steps }: Waterfall): number {
  return steps.length * ROW + AXIS;
}

/** From zero on, unless what moved would be too small to be seen. */
function domainOf(steps: Step[]): [number, number] {
  const ends = steps.flatMap(({ kind, from, to }) => (kind === "whole" ? [to] : [from, to]));
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const span = most - least;
  const far = Math.max(Math.abs(least), Math.abs(most));
  if (span === 0 || least < 0 !== most < 0 || span > 0.2 * far) return [Math.min(0, least), Math.max(0, most)];
  return least < 0 ? [least - 0.1 * span, most + 0.5 * span] : [least - 0.5 * span, most + 0.1 * span];
}

export function waterfallSpec({ steps, domain, format, description }: Waterfall, theme: Theme, size: Size): Spec {
  const { series, text, soft, card } = colors(theme);
  const [less = "", more = ""] = series;
  const { axis } = config(theme) as { axis: object };
  const values = steps.map((step, index) => ({
    ...step,
    index,
    next: index + 1 < steps.length ? step.to : null,
    // A bar of the whole begins where the axis does.
    begin: step.kind === "whole" ? Math.min(Math.max(0, domain[0]), domain[1]) : step.from,
  }));
  // On a ground of its own, so that no line goes through it.
  const label = (encode: object) =>
    [{ stroke: { value: card }, strokeWidth: { value: 5 } }, { fill: { value: text } }].map((paint) => ({
      type: "text" as const,
      from: { data: "steps" },
      interactive: false,
      aria: false,
      encode: {
        update: {
          y: { signal: `datum.index * ${ROW} + 16` },
          font: { value: FONT },
          fontSize: { value: 12.5 },
          ...encode,
          ...paint,
        },
      },
    }));
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    description,
    ...size,
    background: "transparent",
    autosize: { type: "fit", contains: "padding" },
    padding: { left: 2, right: 2, top: 0, bottom: 0 },
    config: { axis },
    data: [{ name: "steps", values }],
    scales: [{ name: "x", type: "linear", domain, range: "width", nice: false, zero: false }],
    axes: [
      {
        scale: "x",
        orient: "bottom",
        grid: true,
        tickCount: { signal: "max(2, floor(width / 110))" },
        labelFlush: true,
        labelOverlap: true,
        encode: {
          labels: {
            update: {
              text: {
                signal: numberLabel(
                  format,
                  steps.map(({ to }) => to),
                ),
              },
            },
          },
        },
      },
    ],
    marks: [
      {
        type: "rule",
        from: { data: "steps" },
        interactive: false,
        aria: false,
        encode: {
          update: {
            x: { scale: "x", field: "to" },
            y: { signal: `datum.index * ${ROW} + 24` },
            y2: { signal: `(datum.index + 1) * ${ROW} + 40` },
            stroke: { value: soft },
            strokeDash: { value: [2, 3] },
            strokeOpacity: { signal: "datum.next === null ? 0 : 0.7" },
          },
        },
      },
      {
        type: "rect",
        from: { data: "steps" },
        encode: {
          update: {
            // Of hardly anything a line is seen.
            x: { signal: "min(scale('x', datum.begin), scale('x', datum.to) - 1)" },
            x2: { signal: "max(scale('x', datum.begin), scale('x', datum.to) + 1)" },
            y: { signal: `datum.index * ${ROW} + 24` },
            height: { value: 16 },
            cornerRadius: { value: 2 },
            fill: [
              { test: "datum.kind === 'more'", value: more },
              { test: "datum.kind === 'less'", value: less },
              { value: soft },
            ],
            fillOpacity: { signal: "datum.isRest ? 0.55 : 1" },
            tooltip: { field: "tip" },
            description: { field: "tip" },
          },
        },
      },
      ...label({ x: { value: 0 }, text: { field: "name" }, limit: { signal: "max(60, width - 90)" } }),
      ...label({ x: { signal: "width" }, align: { value: "right" }, text: { field: "text" }, fontWeight: { value: 600 } }),
    ],
  } as Spec;
}
