// Colours that people who see some colours alike can tell apart, after Okabe and Ito, for each theme.

import type { Config } from "vega-lite";

import type { Theme } from "../theme";

export interface Colors {
  series: string[];
  text: string;
  soft: string;
  line: string;
  land: string;
  border: string;
  card: string;
  ramp: string[];
}

const LIGHT: Colors = {
  series: ["#1f6fb8", "#dd7a1c", "#12866b", "#b8508f", "#6f5fb0", "#8a7a12", "#4aa3d8", "#8c4a2f", "#6b7480", "#2b3f6b"],
  text: "#1b2430",
  soft: "#566172",
  line: "#e3e7ec",
  land: "#e9ecf0",
  border: "#ffffff",
  card: "#ffffff",
  ramp: ["#8fbde6", "#3d83c4", "#5b4a92", "#a63a62", "#c9491f"],
};

const DARK: Colors = {
  series: ["#5aa9f0", "#f0a04b", "#3fbf98", "#e08cc0", "#a99bea", "#cdbb4a", "#8fd0f5", "#d08a6a", "#a3adbb", "#7f9be0"],
  text: "#e8ebf0",
  soft: "#a3adbb",
  line: "#303743",
  land: "#2b313b",
  border: "#1c2027",
  card: "#1c2027",
  ramp: ["#35608c", "#4a93d8", "#a99bea", "#ef8fa8", "#ffb071"],
};

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Ubuntu, sans-serif';

export function colors(theme: Theme): Colors {
  return theme === "dark" ? DARK : LIGHT;
}

const places = new Map<string, string[]>();

/** The colour of a value of a dimension: the same in all charts, and when others are filtered away. */
export function colorOf(dimension: string, value: string, theme: Theme): string {
  const known = places.get(dimension) ?? [];
  if (!known.includes(value)) places.set(dimension, [...known, value]);
  const { series } = colors(theme);
  return series[(places.get(dimension) ?? []).indexOf(value) % series.length] ?? "";
}

export function config(theme: Theme): Config {
  const { series, text, soft, line } = colors(theme);
  return {
    background: "transparent",
    font: FONT,
    view: { stroke: null },
    range: { category: series },
    axis: {
      domain: false,
      ticks: false,
      gridColor: line,
      labelColor: soft,
      titleColor: soft,
      titleFontWeight: 500,
      labelFontSize: 11.5,
      titleFontSize: 11.5,
      labelPadding: 6,
      titlePadding: 8,
    },
    legend: {
      orient: "top",
      direction: "horizontal",
      labelColor: text,
      titleColor: soft,
      titleFontWeight: 500,
      labelFontSize: 11.5,
      titleFontSize: 11.5,
      symbolSize: 70,
      symbolType: "square",
      offset: 8,
      columnPadding: 14,
      labelLimit: 130,
    },
  };
}
