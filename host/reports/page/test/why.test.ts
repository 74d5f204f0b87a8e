import assert from "node:assert/strict";
import { test } from "node:test";

import type { Condition, Model, Part, Report, Tile } from "../src/contract";
import { LOOK, type Look, type Picked, WHY } from "../src/state";
import { partOf, pickedOf, type Question, question, wondered } from "../src/why";

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
const LEVELS: Tile = { id: "levels", kind: "line", title: "T", measures: ["late"], drill: ["date.month", "date.day", "hour"] };
const WORST: Tile = { id: "worst", kind: "bar", title: "W", measures: ["worst"], dimensions: ["carrier"] };
const REPORT: Report = {
  id: "r",
  title: "R",
  filters: [
    { dimension: "date", kind: "date", title: "Date", default: { from: "2013-01-01", before: "2013-02-01" } },
    { dimension: "carrier", kind: "string", title: "Carrier", default: [] },
  ],
  tiles: [KPI, LINE, BAR, LEVELS, WORST],
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
    compare: { with: "rest", from: "2013-01-01", before: "2013-02-01" },
    by: ["carrier", "hour"],
    exclude: [],
  });
  assert.deepEqual(day?.choices, [
    { id: "rest", compare: { with: "rest", from: "2013-01-01", before: "2013-02-01" }, granularity: "day" },
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

test("a period is compared with the others that its tile shows, if there are any", () => {
  const rest = (granularity: string, begin: string | number, look: Partial<Look> = {}, tile = LINE) => {
    const found = ask(tile, look, [of(`date.${granularity}`, begin)]);
    const offered = found?.choices.find(({ id }) => id === "rest");
    assert.equal(found?.chosen.id === "rest", offered !== undefined, "it is what is chosen, if it is offered");
    if (offered) assert.equal(offered.granularity, granularity);
    return offered?.compare;
  };
  const between = (from: string, before: string) => ({ with: "rest", from, before });
  const january = between("2013-01-01", "2013-02-01");
  assert.deepEqual(rest("day", "2013-01-05"), january);
  assert.deepEqual(rest("week", "2012-12-31"), january, "a week that began before them");
  assert.deepEqual(rest("hour", "2013-01-05T08:00:00"), january);
  assert.equal(rest("month", "2013-01-01"), undefined, "it is all there is");
  const dates = (date: string) => ({ dates: { date } });
  assert.deepEqual(rest("month", "2013-01-01", dates("2012-07-01..2013-07-01")), between("2012-07-01", "2013-07-01"));
  assert.equal(rest("day", "2013-01-05", dates("2013-01-05..2013-01-06")), undefined);
  for (const open of ["2013-01-01..", "..2013-02-01", "all"]) assert.equal(rest("day", "2013-01-05", dates(open)), undefined, open);
  const week = { chips: [{ tile: "bar", asked: "date.week", values: ["2013-01-07"] }] };
  assert.deepEqual(rest("day", "2013-01-08", week), between("2013-01-07", "2013-01-14"), "as it is narrowed by other tiles");
  const own = { chips: [{ tile: "line", asked: "date.day", values: ["2013-01-31"] }] };
  assert.deepEqual(rest("day", "2013-01-31", own), january, "a chip of its own does not narrow it");
  const down = { dates: { date: "2012-01-01..2014-01-01" }, drill: { levels: ["2013-01-01", "2013-01-31"] } };
  assert.deepEqual(rest("day", "2013-01-31", down, LEVELS), january, "of a level above, nor does the way further down");
  assert.equal(rest("day", "no day"), undefined);
  assert.equal(ask(LINE, {}, [of("origin", "EWR")])?.choices.some(({ id }) => id === "rest"), false);
});

test("the division that is shown is the one that was chosen, or says most", () => {
  const part = (dimension: string, shares: (number | null)[], others = 0): Part => ({
    dimension,
    values: shares.map((share, at) => ({ value: `${at}`, actual: 1, expected: 1, impact: share, share, rows: 1 })),
    others,
  });
  const all = [part("status", [1, 0, null]), part("carrier", [0.4, -0.1], 0.7), part("origin", [-0.6, 0.5])];
  assert.equal(partOf(all, "")?.dimension, "origin");
  assert.equal(partOf(all, "carrier")?.dimension, "carrier");
  assert.equal(partOf(all, "status")?.dimension, "status", "whoever chooses it sees that it is all in one value");
  assert.equal(partOf(all, "gone")?.dimension, "origin");
  assert.equal(partOf(all.slice(0, 1), "")?.dimension, "status");
  assert.equal(partOf([part("a", [null, null]), part("b", [])], "")?.dimension, "a");
  assert.equal(partOf([], "a"), undefined);
  assert.equal(partOf([part("a", [])], "a"), undefined);
  const small = partOf([part("a", [0.9, 0.001, -0.002, null], 0.004)], "");
  assert.deepEqual(small?.values.map(({ share }) => share), [0.9, null], "what hardly moved anything has no line");
  assert.equal(small?.others, 0);
  assert.equal(partOf([part("a", [0.9, 0.004], 0.096)], "")?.others, 0.1);
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
