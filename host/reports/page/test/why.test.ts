import assert from "node:assert/strict";
import { test } from "node:test";

import type { Condition, Model, Report, Tile } from "../src/contract";
import { LOOK, type Look, type Picked, WHY } from "../src/state";
import { pickedOf, type Question, question, wondered } from "../src/why";

const explain = { dimensions: ["carrier", "origin", "hour", "status"], default: ["carrier", "origin", "hour"] };
const MODEL: Model = {
  name: "m",
  dimensions: [
    { name: "date", kind: "date" },
    { name: "carrier", kind: "string" },
    { name: "origin", kind: "string" },
    { name: "hour", kind: "number" },
    { name: "is_late", kind: "boolean" },
  ],
  measures: [
    { name: "worst", explain: null },
    { name: "late", explain },
    { name: "flights", explain },
  ],
};
const KPI: Tile = { id: "kpi", kind: "kpi", title: "K", measures: ["late"], compare: "year" };
const LINE: Tile = {
  id: "line",
  kind: "line",
  title: "L",
  measures: ["worst", "late"],
  dimensions: ["date.day"],
  series: "origin",
};
const BAR: Tile = {
  id: "bar",
  kind: "bar",
  title: "B",
  measures: ["late"],
  dimensions: ["carrier"],
  drill: ["carrier", "origin", "hour"],
  filters: [{ name: "late", operator: "gt", values: [0.1] }],
};
const WORST: Tile = { id: "worst", kind: "bar", title: "W", measures: ["worst"], dimensions: ["carrier"] };
const REPORT: Report = {
  id: "r",
  title: "R",
  filters: [
    { dimension: "date", kind: "date", title: "Date", default: { from: "2013-01-01", before: "2013-02-01" } },
    { dimension: "carrier", kind: "string", title: "Carrier", default: [] },
  ],
  tiles: [KPI, LINE, BAR, WORST],
};
const JANUARY = { dimension: "date", from: "2013-01-01", before: "2013-02-01" };
const THE_31ST = { dimension: "date", from: "2013-01-31", before: "2013-02-01" };
const is = (name: string, ...values: (string | number)[]): Condition => ({ name, operator: "equals", values });
const of = (asked: string, ...values: Picked["values"]): Picked => ({ asked, values });

function ask(tile: Tile, look: Partial<Look>, of: Picked[] = [], typed: Partial<typeof WHY> = {}): Question | undefined {
  const why = { ...WHY, tile: tile.id, measure: "late", of, ...typed };
  return question(REPORT, MODEL, { ...LOOK, ...look, why }, "2026-03-31");
}

test("a mark is asked about as its tile asks, with its own values", () => {
  const day = ask(LINE, {}, [of("date.day", "2013-01-31"), of("origin", "EWR")]);
  assert.deepEqual(day?.why, {
    measure: "late",
    filters: [is("origin", "EWR")],
    time_range: THE_31ST,
    compare: { with: "usual" },
    by: ["carrier", "hour"],
    exclude: [],
  });
  assert.deepEqual(day?.choices, [
    { id: "usual", compare: { with: "usual" } },
    { id: "period", compare: { with: "period", from: "2013-01-30", before: "2013-01-31" } },
    { id: "year", compare: { with: "period", from: "2012-01-31", before: "2012-02-01" } },
    { id: "others.origin", compare: { with: "others", name: "origin" } },
  ]);
  assert.deepEqual(day?.measures, ["late"]);

  const bar = ask(BAR, {}, [of("carrier", "UA")])?.why;
  assert.deepEqual(bar?.filters, [is("carrier", "UA")], "a limit of a measure is not one of rows");
  assert.deepEqual(bar?.time_range, JANUARY);
  assert.deepEqual(bar?.compare, { with: "others", name: "carrier" });
  assert.deepEqual(ask(BAR, {}, [of("carrier", null)])?.why.filters, [{ name: "carrier", operator: "is_null" }]);
  assert.deepEqual(ask(BAR, {}, [of("carrier", null)])?.why.compare, { with: "usual" }, "nothing is other than null");
});

test("the filters of the report and the clicks on other tiles hold too", () => {
  const look = { values: { carrier: ["UA", "AA"] }, chips: [{ tile: "line", asked: "date.day", values: ["2013-01-31"] }] };
  const why = ask(BAR, look, [of("carrier", "UA")])?.why;
  assert.deepEqual(why?.filters, [is("carrier", "UA")], "one of what is filtered by, once");
  assert.deepEqual(why?.time_range, THE_31ST);
  assert.deepEqual(ask(LINE, look)?.why.filters, [is("carrier", "UA", "AA")]);
  assert.deepEqual(ask(LINE, look)?.why.time_range, JANUARY, "its own chips are about others");
});

test("all of a tile is compared with what the tile is compared with, or with the usual", () => {
  const chosen = (tile: Tile, look: Partial<Look>) => ask(tile, look)?.chosen.id;
  assert.equal(chosen(KPI, {}), "year");
  assert.equal(chosen(LINE, {}), "usual");
  assert.equal(chosen(LINE, { dates: { date: "2013-01-01.." } }), undefined, "without an end there is nothing before");
  assert.equal(chosen(LINE, { dates: { date: "all" }, values: { carrier: ["UA"] } }), "others.carrier");
  assert.equal(ask(LINE, {}, [], { with: "period" })?.chosen.id, "period");
  assert.equal(ask(LINE, {}, [], { with: "others.nothing" })?.chosen.id, "usual");
});

test("of a level above, the levels below are not asked about", () => {
  const drill = { bar: ["UA", "EWR"] };
  assert.deepEqual(ask(BAR, { drill }, [of("carrier", "UA")])?.why.filters, [is("carrier", "UA")]);
  const below = ask(BAR, { drill }, [of("hour", 8)])?.why;
  assert.deepEqual(below?.filters, [is("carrier", "UA"), is("origin", "EWR"), is("hour", 8)]);
  assert.deepEqual(below?.by, ["status"], "what has one value is no cause");
  assert.deepEqual(below?.compare, { with: "others", name: "hour" });
});

test("causes are of what is looked at", () => {
  const exclude = [{ carrier: "UA" }, { hour: "8" }];
  assert.deepEqual(ask(LINE, {}, [], { by: ["carrier", "nothing"], exclude })?.why.by, ["carrier"]);
  assert.deepEqual(ask(LINE, {}, [], { by: ["carrier"], exclude })?.why.exclude, [{ carrier: "UA" }]);
  assert.deepEqual(ask(LINE, {}, [], { exclude })?.why.exclude, exclude);
  const cause = pickedOf(MODEL, { carrier: "UA", origin: null, hour: "8", is_late: "true" });
  assert.deepEqual(cause, [of("carrier", "UA"), of("origin", null), of("hour", 8), of("is_late", true)]);
});

test("what cannot be explained is not asked, and a broken link asks nothing or something", () => {
  const all = { ...LOOK };
  assert.equal(wondered(REPORT, MODEL, all, "2026-03-31", WORST), undefined);
  assert.deepEqual(wondered(REPORT, MODEL, all, "2026-03-31", LINE), { ...WHY, tile: "line", measure: "late" });
  assert.equal(ask(LINE, {}, [], { measure: "worst" }), undefined);
  assert.equal(ask(LINE, {}, [], { measure: "nothing" }), undefined);
  assert.equal(ask({ ...LINE, id: "gone" }, {}), undefined);
  for (const broken of ["", "no day", "2013-99-99", 5, null, true]) {
    const mark = [of("date.day", broken), of("date.hour", broken), of("", broken)];
    assert.doesNotThrow(() => ask(LINE, { dates: { date: "a..b" } }, mark));
  }
});
