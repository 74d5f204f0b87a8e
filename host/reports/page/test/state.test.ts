import assert from "node:assert/strict";
import { test } from "node:test";

import { link, LOOK, read, type State, WHY } from "../src/state";

test("what is looked at is all in the link", () => {
  const check = (state: State) => assert.deepEqual(read(link(state)), state, link(state));
  check({ view: "home" });
  check({ view: "report", id: "departures", look: LOOK });
  check({ view: "report", id: "departures", look: { ...LOOK, why: { ...WHY, tile: "t1", measure: "flights" } } });
  check({
    view: "report",
    id: "a/b ü",
    look: {
      dates: { date: "2013-01-01..2013-02-01", landed: "last-7-days" },
      values: { carrier: ["UA", "9E"], origin: [], seats: [12, 1.5], number: ["12"], gone: [null, true, "null", '"', ""] },
      chips: [
        { tile: "t1", asked: "date.day", values: ["2013-01-05"] },
        { tile: "t2", asked: "dest", values: ["A&B=C", null] },
      ],
      drill: { t3: ["UA", "EWR"] },
      sort: { t4: "-flights" },
      tables: ["t1"],
      why: {
        tile: "t1",
        measure: "late_share",
        of: [
          { asked: "date.day", values: ["2013-01-31"] },
          { asked: "hour", values: [8, "8", null, "A&B=C"] },
        ],
        with: "others.hour",
        by: ["carrier", "origin"],
        exclude: [{ carrier: 'U"A', origin: null }, { "a.b": "ü&=" }],
        parts: "origin",
      },
    },
  });
  check({
    view: "explore",
    ask: { measures: ["flights"], dimensions: ["date.month", "carrier"], chart: "bar", date: "all", sort: "-flights", limit: 20 },
  });
  check({ view: "sql", typed: { sql: "SELECT '#?&'\nFROM t -- ü", limit: 1000, chart: "line", x: "a", y: "b", how: "sum" } });
});

test("a link that somebody broke is still one", () => {
  const check = (hash: string, view: string) => assert.equal(read(hash).view, view);
  check("", "home");
  check("#/nowhere?x=1", "home");
  check("#/report/", "home");
  check("#/report/%E0%A4%A", "report");
  assert.deepEqual(read("#/explore?limit=x"), read("#/explore"));
  const why = (query: string) => {
    const state = read(`#/report/r?${query}`);
    return state.view === "report" ? state.look.why : undefined;
  };
  for (const query of ["why=1", "why.tile=t", "why.measure=m", "why.of=1&why.tile=t", "why.of.=1", "why.tile=&why.measure=m"])
    assert.equal(why(query), null, query);
  const clean = { ...WHY, tile: "t", measure: "m" };
  for (const broken of ["", "{", "[]", "null", "1", "{}", '{"a":1}', '{"a":{}}', "%00"])
    assert.deepEqual(why(`why.tile=t&why.measure=m&why.not=${broken}&why.of=x&why.x=y`), clean, broken);
});
