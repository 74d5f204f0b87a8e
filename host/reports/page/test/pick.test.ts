import assert from "node:assert/strict";
import { test } from "node:test";

import type { Cell, Result, Tile } from "../src/contract";
import { picked } from "../src/pick";
import { LOOK, type Look } from "../src/state";

const BAR: Tile = {
  id: "bar",
  kind: "bar",
  title: "Late",
  measures: ["late"],
  dimensions: ["carrier"],
  drill: ["carrier", "origin"],
};
const LINE: Tile = { id: "line", kind: "line", title: "Days", measures: ["flights"], dimensions: ["date.day"], series: "origin" };
const TABLE: Tile = { id: "table", kind: "table", title: "Carriers", measures: ["flights"], dimensions: ["carrier"] };

function check(tile: Tile, look: Partial<Look>, columns: string[], row: Cell[], expect: Partial<Look>, isMore = false) {
  const result: Result = { columns: columns.map((name) => ({ name })), rows: [row], truncated: false };
  assert.deepEqual(picked(tile, { ...LOOK, ...look }, result, row, isMore).to, expect);
}

test("a click filters by all that its row is of, and again by nothing", () => {
  const chips = [
    { tile: "line", asked: "date.day", values: ["2013-01-05"] },
    { tile: "line", asked: "origin", values: ["EWR"] },
  ];
  check(LINE, {}, ["date_day", "origin", "flights"], ["2013-01-05", "EWR", 3], { chips });
  check(LINE, { chips }, ["date_day", "origin", "flights"], ["2013-01-05", "EWR", 3], { chips: [] });
});

test("one more is beside what was clicked", () => {
  const chip = (...values: Cell[]) => ({ chips: [{ tile: "table", asked: "carrier", values }] });
  check(TABLE, chip("UA"), ["carrier", "flights"], ["AA", 1], chip("UA", "AA"), true);
  check(TABLE, chip("UA", "AA"), ["carrier", "flights"], ["UA", 1], chip("AA"), true);
  check(TABLE, chip("UA"), ["carrier", "flights"], ["UA", 1], { chips: [] }, true);
  check(TABLE, chip("UA"), ["carrier", "flights"], ["AA", 1], chip("AA"));
});

test("a tile with levels goes down, and filters at the last", () => {
  check(BAR, {}, ["carrier", "late"], ["UA", 0.2], { chips: [], drill: { bar: ["UA"] } });
  const last = { chips: [{ tile: "bar", asked: "origin", values: ["EWR"] }] };
  check(BAR, { drill: { bar: ["UA"] } }, ["origin", "late"], ["EWR", 0.2], last);
});
