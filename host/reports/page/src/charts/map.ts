// Points on a map, sized by the first measure and coloured by the second, as Vega has it.

import statesTopology from "us-atlas/states-10m.json";
import { read, type Spec } from "vega";
import landTopology from "world-atlas/countries-110m.json";

import type { Format } from "../contract";
import { number } from "../format";
import type { Theme } from "../theme";
import { label, type Plot, tipOf } from "./points";
import type { Size } from "./specs";
import { numberLabel } from "./specs";
import { colors, config } from "./style";

const RADIANS = Math.PI / 180;

export interface Place {
  longitude: number;
  latitude: number;
  size: number;
  shade: number | null;
  row: number;
  tip: string;
  on: boolean;
}

/** The rows that say where they are, the large first, so that the small can be seen. */
export function places({ result: { columns, rows }, x, measures, latitude = -1, longitude = -1, isPicked }: Plot): Place[] {
  const [size = -1, shade = -1] = measures;
  const found = rows.flatMap((row, index) => {
    const [lat, lon, amount] = [row[latitude], row[longitude], row[size]];
    if (typeof lat !== "number" || typeof lon !== "number") return [];
    return [
      {
        longitude: lon,
        latitude: lat,
        size: typeof amount === "number" ? Math.abs(amount) : 0,
        shade: typeof row[shade] === "number" ? (row[shade] as number) : null,
        row: index,
        tip: tipOf(columns, row, [x, ...measures]),
        on: isPicked ? isPicked(row) : true,
      },
    ];
  });
  return found.sort((a, b) => b.size - a.size);
}

export function mapSpec(plot: Plot, theme: Theme, size: Size): Spec {
  const values = places(plot);
  const { columns } = plot.result;
  const [, second] = plot.measures.map((index) => columns[index]);
  const { land, border, card, series, ramp, soft, text } = colors(theme);
  const shades = values.map(({ shade }) => shade).filter((shade) => shade !== null);
  const isShaded = second !== undefined && shades.length > 0;
  const { axis, legend } = config(theme) as { axis: object; legend: object };
  const shape = (name: string) => ({
    type: "shape" as const,
    from: { data: name },
    clip: true,
    interactive: false,
    aria: false,
    encode: { update: { fill: { value: land }, stroke: { value: border }, strokeWidth: { value: 0.7 } } },
    transform: [{ type: "geoshape" as const, projection: "projection" }],
  });
  const labels = (format: Format | null | undefined) => ({
    labels: { update: { text: { signal: numberLabel(format, shades) } } },
  });
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    description: plot.description,
    ...size,
    background: "transparent",
    autosize: { type: "fit", contains: "padding" },
    padding: 0,
    config: { axis, legend: { ...legend, symbolType: "circle" } },
    data: [
      { name: "land", values: shapes("countries") },
      { name: "states", values: shapes("states") },
      { name: "places", values, transform: [{ type: "geopoint", projection: "projection", fields: ["longitude", "latitude"] }] },
    ],
    projections: [{ name: "projection", ...projection(values) }],
    scales: [
      { name: "size", type: "sqrt", domain: [0, Math.max(1e-9, ...values.map(({ size }) => size))], range: [3, 17] },
      ...(isShaded
        ? [
            {
              name: "shade",
              type: "linear" as const,
              domain: [Math.min(...shades), Math.max(...shades)],
              range: ramp,
              interpolate: "lab" as const,
            },
          ]
        : []),
    ],
    legends: isShaded
      ? [
          {
            fill: "shade",
            type: "gradient",
            title: label(second),
            orient: "bottom",
            direction: "horizontal",
            gradientLength: 140,
            gradientThickness: 8,
            titleColor: soft,
            labelColor: text,
            tickCount: 3,
            encode: labels(second.format),
          },
        ]
      : [],
    marks: [
      shape("land"),
      shape("states"),
      {
        type: "symbol",
        from: { data: "places" },
        clip: true,
        encode: {
          update: {
            x: { field: "x" },
            y: { field: "y" },
            size: { signal: "PI * pow(scale('size', datum.size), 2)" },
            fill: isShaded
              ? [
                  { test: "datum.shade === null", value: soft },
                  { scale: "shade", field: "shade" },
                ]
              : { value: series[0] ?? "" },
            fillOpacity: { signal: "datum.on ? 0.82 : 0.25" },
            stroke: { value: card },
            strokeWidth: { value: 1 },
            cursor: { value: "pointer" },
            tooltip: { field: "tip" },
            description: { field: "tip" },
          },
          hover: { stroke: { value: text }, strokeWidth: { value: 1.5 } },
        },
      },
    ],
  } as Spec;
}

/** What the sizes mean, in words: a legend of circles would take the place of the map. */
export function sizeNote(plot: Plot): string {
  const column = plot.result.columns[plot.measures[0] ?? -1];
  const most = Math.max(0, ...places(plot).map(({ size }) => size));
  return column ? `Circle area: ${label(column).toLowerCase()}, at most ${number(most, column.format)}` : "";
}

/** Around the points: of a part of the world a conic projection, of all of it one that keeps areas. */
function projection(values: Place[]) {
  const [west, east] = around(
    values.map(({ longitude }) => longitude),
    [-170, 170],
  );
  const [south, north] = around(
    values.map(({ latitude }) => latitude),
    [-55, 75],
  );
  const [longitude, latitude] = [(west + east) / 2, (south + north) / 2];
  const corners = [[west, south], [east, north], ...values.map((at) => [at.longitude, at.latitude])];
  const fit = { type: "Feature", properties: {}, geometry: { type: "MultiPoint", coordinates: corners } };
  const extent = { signal: "[[22, 22], [width - 22, height - 22]]" };
  if (east - west > 150) return { type: "equalEarth", rotate: [0, 0, 0], fit, extent };
  // Near the equator a cone would be a cylinder.
  if (Math.abs(Math.sin(latitude * RADIANS)) < 0.15) return { type: "mercator", rotate: [-longitude, 0, 0], fit, extent };
  return { type: "conicEqualArea", rotate: [-longitude, 0, 0], parallels: [latitude - 12, latitude + 12], fit, extent };
}

function around(values: number[], nothing: [number, number]): [number, number] {
  if (values.length === 0) return nothing;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const more = Math.max(0, 10 - (most - least)) / 2;
  return [least - more, most + more];
}

const made = new Map<string, object[]>();

function shapes(feature: "countries" | "states"): object[] {
  const topology = feature === "states" ? statesTopology : landTopology;
  let found = made.get(feature);
  if (!found) made.set(feature, (found = read(topology as never, { type: "topojson", feature } as never) as object[]));
  // Vega marks what it is given, and each chart is one of its own.
  return found.map((shape) => ({ ...shape }));
}
