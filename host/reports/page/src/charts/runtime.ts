// Vega, as the page uses it: expressions are interpreted, so that no script is made of text.

import { expressionFunction, parse, type Spec, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";

import type { Format } from "../contract";
import { short, tick, time } from "../format";
import type { Theme } from "../theme";
import { mapSpec } from "./map";
import type { Plot } from "./points";
import { chartSpec, type Size } from "./specs";
import { type Waterfall, waterfallSpec } from "./waterfall";

expressionFunction("numberLabel", (value: number, format: string, isCompact: boolean) =>
  short(value, JSON.parse(format) as Format, isCompact),
);
expressionFunction("tickLabel", (value: number, span: number) => tick(value, span));
expressionFunction("timeLabel", (value: number, granularity: string) => time(value, granularity));

export function view(plot: Plot | Waterfall, theme: Theme, size: Size, container: HTMLElement): View {
  const runtime = parse(specOf(plot, theme, size), undefined, { ast: true });
  return new View(runtime, { expr: expressionInterpreter, container, renderer: "svg", hover: true } as never);
}

function specOf(plot: Plot | Waterfall, theme: Theme, size: Size): Spec {
  if (plot.kind === "map") return mapSpec(plot, theme, size);
  if (plot.kind === "waterfall") return waterfallSpec(plot, theme, size);
  return compile(chartSpec(plot, theme, size), { logger: quiet }).spec;
}

// What Vega-Lite warns of, such as a null that is left out, is meant.
const quiet = {
  level() {
    return this;
  },
  error() {
    return this;
  },
  warn() {
    return this;
  },
  info() {
    return this;
  },
  debug() {
    return this;
  },
} as never;
