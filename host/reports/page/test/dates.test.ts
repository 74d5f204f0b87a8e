import assert from "node:assert/strict";
import { test } from "node:test";

import { addMonths, meet, period, preset, shift, yearBefore } from "../src/dates";

test("a month later is the same day, or the month's last", () => {
  const check = (day: string, count: number, expect: string) => assert.equal(addMonths(day, count), expect);
  check("2013-01-15", 1, "2013-02-15");
  check("2013-01-31", 1, "2013-02-28");
  check("2012-02-29", -12, "2011-02-28");
  check("2013-01-01", -1, "2012-12-01");
  check("2013-11-30", 3, "2014-02-28");
});

test("the range before is as long, and whole months stay whole", () => {
  const check = (from: string, before: string, expect: string[]) => {
    assert.deepEqual(shift({ from, before }, -1), { from: expect[0], before: expect[1] });
  };
  check("2013-03-01", "2013-04-01", ["2013-02-01", "2013-03-01"]);
  check("2013-01-01", "2014-01-01", ["2012-01-01", "2013-01-01"]);
  check("2013-01-08", "2013-01-15", ["2013-01-01", "2013-01-08"]);
  check("2013-01-01", "2013-01-08", ["2012-12-25", "2013-01-01"]);
  assert.equal(shift({ from: null, before: "2013-01-01" }, -1), undefined);
  assert.deepEqual(yearBefore({ from: "2012-02-29", before: "2012-03-01" }), { from: "2011-02-28", before: "2011-03-01" });
});

test("presets are of a day", () => {
  const check = (id: string, from: string, before: string) => assert.deepEqual(preset(id, "2026-03-31"), { from, before });
  check("today", "2026-03-31", "2026-04-01");
  check("last-7-days", "2026-03-25", "2026-04-01");
  check("this-month", "2026-03-01", "2026-04-01");
  check("last-month", "2026-02-01", "2026-03-01");
  check("last-year", "2025-01-01", "2026-01-01");
  assert.equal(preset("2026-01-01..", "2026-03-31"), undefined);
});

test("a period begins with a day, and ranges meet", () => {
  assert.deepEqual(period("2013-02-01", "month"), { from: "2013-02-01", before: "2013-03-01" });
  assert.deepEqual(period("2012-12-31", "week"), { from: "2012-12-31", before: "2013-01-07" });
  assert.deepEqual(period("2013-01-01T23:00:00Z", "hour"), { from: "2013-01-01T23:00:00Z", before: "2013-01-02T00:00:00" });
  const january = { from: "2013-01-01", before: "2013-02-01" };
  assert.deepEqual(meet(january, { from: "2012-12-31", before: "2013-01-07" }), { from: "2013-01-01", before: "2013-01-07" });
  assert.deepEqual(meet(january, { from: null, before: null }), january);
  assert.deepEqual(meet(january, { from: "2013-03-01", before: "2013-04-01" }), { from: "2013-03-01", before: "2013-03-01" });
});
