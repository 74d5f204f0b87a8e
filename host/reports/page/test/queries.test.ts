import assert from "node:assert/strict";
import { test } from "node:test";

import type { Query, Report, Tile } from "../src/contract";
import { defaults, tileQuery } from "../src/queries";
import { LOOK, type Look } from "../src/state";

const JANUARY = { dimension: "date", from: "2013-01-01", before: "2013-02-01" };
const KPI: Tile = { id: "kpi", kind: "kpi", title: "Flights", measures: ["flights"], compare: "previous" };
const BAR: Tile = {
  id: "bar",
  kind: "bar",
  title: "Late",
  measures: ["late_rate"],
  dimensions: ["carrier"],
  drill: ["carrier", "origin", "date.month"],
  order: [{ by: "carrier" }],
  limit: 12,
  filters: [{ name: "late_rate", operator: "gt", values: [0.1] }],
};
const LINE: Tile = { id: "line", kind: "line", title: "Days", measures: ["flights"], dimensions: ["date.day"], series: "origin" };
const MAP: Tile = {
  id: "map",
  kind: "map",
  title: "Map",
  measures: ["flights"],
  dimensions: ["dest"],
  latitude: "lat",
  longitude: "lon",
};
const REPORT: Report = {
  id: "r",
  title: "R",
  filters: [
    { dimension: "date", kind: "date", title: "Date", default: { from: "2013-01-01", before: "2013-02-01" } },
    { dimension: "carrier", kind: "string", title: "Carrier", default: [] },
    { dimension: "origin", kind: "string", title: "Origin", default: ["EWR"] },
  ],
  tiles: [KPI, BAR, LINE, MAP],
};
const EWR = { name: "origin", operator: "equals" as const, values: ["EWR"] };

function check(tile: Tile, look: Partial<Look>, expect: Partial<Query>) {
  const { measures, dimensions, ...rest } = tileQuery(REPORT, tile, { ...LOOK, ...look }, "2026-03-31");
  assert.deepEqual(measures, tile.measures);
  for (const [name, value] of Object.entries(expect)) assert.deepEqual({ dimensions, ...rest }[name as "filters"], value, name);
}

test("a report that nobody has touched asks one question for each tile", () => {
  assert.deepEqual(defaults(REPORT), {
    kpi: { measures: ["flights"], dimensions: [], filters: [EWR], time_range: JANUARY },
    "kpi:previous": {
      measures: ["flights"],
      dimensions: [],
      filters: [EWR],
      time_range: { dimension: "date", from: "2012-12-01", before: "2013-01-01" },
    },
    bar: {
      measures: ["late_rate"],
      dimensions: ["carrier"],
      filters: [{ name: "late_rate", operator: "gt", values: [0.1] }, EWR],
      time_range: JANUARY,
      order: [{ by: "carrier" }],
      limit: 12,
    },
    line: { measures: ["flights"], dimensions: ["date.day", "origin"], filters: [EWR], time_range: JANUARY },
    map: { measures: ["flights"], dimensions: ["dest", "lat", "lon"], filters: [EWR], time_range: JANUARY },
  });
});

test("what is chosen takes the place of what the report has", () => {
  check(LINE, { dates: { date: "all" } }, { time_range: undefined as never });
  check(LINE, { dates: { date: "2013-01-05.." } }, { time_range: { dimension: "date", from: "2013-01-05", before: null } });
  check(LINE, { dates: { date: "last-month" } }, { time_range: { dimension: "date", from: "2026-02-01", before: "2026-03-01" } });
  check(LINE, { values: { origin: [] } }, { filters: undefined as never });
  check(LINE, { values: { origin: [], carrier: [null] } }, { filters: [{ name: "carrier", operator: "is_null" }] });
});

test("a click filters all tiles but its own", () => {
  const chips = [
    { tile: "line", asked: "date.day", values: ["2013-01-05"] },
    { tile: "line", asked: "origin", values: ["EWR"] },
  ];
  check(LINE, { chips }, { time_range: JANUARY, filters: [EWR] });
  check(MAP, { chips }, { time_range: { dimension: "date", from: "2013-01-05", before: "2013-01-06" }, filters: [EWR, EWR] });
});

test("going down filters the tile too, and what was ordered by the level above is by the next", () => {
  const drill = { bar: ["UA"] };
  const united = { name: "carrier", operator: "equals" as const, values: ["UA"] };
  check(BAR, { drill }, { dimensions: ["origin"], order: [{ by: "origin" }], filters: [...(BAR.filters ?? []), EWR, united] });
  check(MAP, { drill }, { dimensions: ["dest", "lat", "lon"], filters: [EWR, united] });
  check(BAR, { drill: { bar: ["UA", "EWR"] } }, { dimensions: ["date.month"] });
  check(BAR, { sort: { bar: "-late_rate" } }, { order: [{ by: "late_rate", descending: true }] });
});
