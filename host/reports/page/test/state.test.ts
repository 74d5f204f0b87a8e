import assert from "node:assert/strict";
import { test } from "node:test";

import { link, LOOK, read, type State } from "../src/state";

test("what is looked at is all in the link", () => {
  const check = (state: State) => assert.deepEqual(read(link(state)), state, link(state));
  check({ view: "home" });
  check({ view: "report", id: "departures", look: LOOK });
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
});
