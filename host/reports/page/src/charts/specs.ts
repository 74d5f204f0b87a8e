// Lines and bars, as Vega-Lite has them. Labels come from `Intl`, by functions that `runtime.ts` adds to Vega.

import type { TopLevelSpec } from "vega-lite";

import type { Column, Format } from "../contract";
import { granularity } from "../format";
import type { Theme } from "../theme";
import { isTimeColumn, label, type Plot, type Point, points, seriesOf } from "./points";
import { colorOf, colors, config } from "./style";

export interface Size {
  width: number;
  height: number;
}

export function chartSpec(plot: Plot, theme: Theme, size: Size): TopLevelSpec {
  const {
    result: { columns },
    x,
    series,
    measures,
    kind,
    description,
  } = plot;
  const values = points(plot);
  const names = seriesOf(values, series !== undefined);
  const isMany = series !== undefined || measures.length > 1;
  const isTime = isTimeColumn(columns[x]);
  const palette = colors(theme);
  const format = columns[measures[0] ?? -1]?.format;
  const title = measures.length === 1 ? label(columns[measures[0] ?? -1]) : "Value";
  const color = isMany
    ? {
        field: "s",
        type: "nominal",
        scale: {
          domain: names,
          range: names.map((name) => colorOf(series === undefined ? "" : (columns[series]?.name ?? ""), name, theme)),
        },
        legend:
          names.length > 24
            ? null
            : {
                title: series === undefined ? null : label(columns[series]),
                columns: { expr: "max(1, floor(width / 120))" },
                values: names.slice(0, 12),
              },
      }
    : { value: palette.series[0] };
  const amount = {
    field: "y",
    type: "quantitative",
    axis: {
      title,
      labelExpr: numberLabel(
        format,
        values.map(({ y }) => y),
      ),
      tickCount: kind === "bar" && !isTime ? { expr: "max(2, floor(width / 90))" } : 5,
      grid: true,
    },
  };
  const common = { tooltip: { field: "tip", type: "nominal" }, description: { field: "tip", type: "nominal" } };
  const shell = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    description,
    ...size,
    autosize: { type: "fit", contains: "padding", resize: false },
    padding: { left: 2, right: 8, top: 4, bottom: 2 },
    data: { values },
    config: config(theme),
  };
  const rest =
    kind === "line"
      ? line(values, isTime, columns[x], { amount, color, common, isMany })
      : bar(values, isTime, columns[x], { amount, color, common, isMany });
  return { ...shell, ...rest } as unknown as TopLevelSpec;
}

type Parts = Record<"amount" | "color" | "common", Record<string, unknown>> & { isMany: boolean };

function line(values: Point[], isTime: boolean, column: Column | undefined, { amount, color, common }: Parts) {
  const axis = isTime ? timeAxis(values) : { labelOverlap: true, labelAngle: 0, labelLimit: 100 };
  const x = isTime
    ? { field: "x", type: "temporal", scale: { type: "utc" }, axis: { title: label(column), grid: false, ...axis } }
    : { field: "x", type: "nominal", sort: null, axis: { title: label(column), grid: false, ...axis } };
  const y = { ...amount, scale: { zero: false, nice: true } };
  const faded = { condition: { test: "datum.on", value: 1 }, value: 0.25 };
  const few = new Set(values.map(({ x }) => x)).size <= 45;
  return {
    layer: [
      { mark: { type: "line", strokeWidth: 2, strokeJoin: "round", aria: false }, encoding: { x, y, color } },
      {
        mark: { type: "point", filled: true, cursor: "pointer" },
        params: [{ name: "near", select: { type: "point", on: "pointerover", nearest: true, clear: "pointerout" } }],
        encoding: {
          x,
          y,
          color,
          ...common,
          size: { condition: { param: "near", empty: false, value: 90 }, value: few ? 26 : 6 },
          opacity: faded,
        },
      },
    ],
  };
}

function bar(values: Point[], isTime: boolean, column: Column | undefined, { amount, color, common, isMany }: Parts) {
  const category = isTime
    ? {
        field: "x",
        type: "ordinal",
        sort: null,
        axis: {
          title: label(column),
          labelAngle: 0,
          grid: false,
          labelOverlap: true,
          labelSeparation: 8,
          labelExpr: timeLabel(values, column),
        },
      }
    : {
        field: "x",
        type: "nominal",
        sort: null,
        axis: { title: label(column), grid: false, labelLimit: { expr: "max(60, width * 0.4)" }, labelOverlap: true },
      };
  const opacity = { condition: { test: "datum.on", value: 1 }, value: 0.3 };
  const scale = { padding: 0.22 };
  const encoding = isTime
    ? { x: { ...category, scale }, y: amount, color, opacity, ...common }
    : { y: { ...category, scale }, x: amount, color, opacity, ...common };
  return { mark: { type: "bar", cursor: "pointer", cornerRadiusEnd: isMany ? 0 : 2 }, encoding };
}

function timeAxis(values: Point[]) {
  const all = [...new Set(values.map(({ x }) => x))].filter((x): x is number => typeof x === "number").sort((a, b) => a - b);
  const span = spanOf(all);
  // Of few periods each can have its label: ticks of halves of days would repeat them.
  // As an expression, for Vega's interpreter makes no day of the milliseconds that Vega-Lite would write.
  const few =
    all.length <= 60 ? { values: { expr: JSON.stringify(all) } } : { tickCount: { expr: "max(2, floor(width / 100))" } };
  return { ...few, labelOverlap: "parity", labelSeparation: 6, labelFlush: false, labelExpr: `tickLabel(datum.value, ${span})` };
}

function timeLabel(values: Point[], column: Column | undefined): string {
  const all = values.map(({ x }) => x).filter((x): x is number => typeof x === "number");
  const period = (column && granularity(column)) ?? "day";
  return period === "day" || period === "week" ? `tickLabel(datum.value, ${spanOf(all)})` : `timeLabel(datum.value, '${period}')`;
}

function spanOf(all: number[]): number {
  return all.length < 2 ? 5 * 86_400_000 : all.reduce((a, b) => Math.max(a, b)) - all.reduce((a, b) => Math.min(a, b));
}

/** Thousands are words only where all of an axis can be. */
export function numberLabel(format: Format | null | undefined, values: (number | null)[]): string {
  const isCompact = values.some((value) => Math.abs(value ?? 0) >= 100_000);
  return `numberLabel(datum.value, ${JSON.stringify(JSON.stringify(format ?? {}))}, ${isCompact})`;
}
