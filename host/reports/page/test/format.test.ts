import assert from "node:assert/strict";
import { test } from "node:test";

import type { Cell, Column, Format } from "../src/contract";
import { plotOf, sorted } from "../src/drawing";
import { cell, change, days, number, short, signed, time } from "../src/format";
import { grouped } from "../src/group";

// What `Intl` writes depends on where the test runs: the digits do not.
const digits = (text: string | undefined) => text?.replace(/[^\d]/g, "");

test("a number is as its measure says", () => {
  const check = (value: number, format: Format | null, expect: string) => assert.equal(digits(number(value, format)), expect);
  check(1234.567, null, "123457");
  check(1234.5, { style: "number", decimals: 0 }, "1235");
  check(0.1234, { style: "percent", decimals: 1 }, "123");
  check(1234.5, { style: { currency: "EUR" }, decimals: 2 }, "123450");
  assert.equal(digits(short(1_234_567, null, true)), "12");
  assert.equal(digits(short(12_000, { decimals: 2 })), "12000");
  assert.match(number(1, { style: { currency: "EUR" } }), /€|EUR/);
});

test("a change is in per cent, of a percentage in points", () => {
  assert.equal(digits(change(110, 100)), "10");
  assert.match(change(0.25, 0.2, { style: "percent" }) ?? "", /5 pts$/);
  assert.equal(change(1, 0), undefined);
  assert.match(change(-5, -10) ?? "", /^\+50/);
});

test("what moved has a sign, and its measure's unit", () => {
  assert.match(signed(0.0921, { style: "percent", decimals: 1 }), /^\+9.2 pts$/);
  assert.match(signed(-1234.5, { decimals: 0 }), /^.1.235$/);
  assert.equal(signed(0), "0");
  assert.match(signed(-0.36, { decimals: 0 }), /^.0.36$/, "what is not nothing is not shown as nothing");
  assert.equal(signed(0, { decimals: 0 }), "0");
});

test("a value is as its column says", () => {
  const check = (value: Cell, column: Partial<Column>, expect: RegExp) =>
    assert.match(cell(value, { name: "x", ...column }), expect);
  check(null, {}, /^–$/);
  check(true, {}, /^Yes$/);
  check("2013-01-31", { kind: "date" }, /31/);
  check("2013-01-01", { kind: "date", name: "date_year" }, /^2013$/);
  check("2013-04-01", { kind: "date", granularity: "quarter" }, /^Q2 2013$/);
  check("2013-01-31", { kind: "string" }, /^2013-01-31$/);
  assert.equal(time("no day"), "no day");
  assert.match(days({ from: "2013-01-01", before: "2013-02-01" }), /1.+31.+2013|2013.+31/);
  assert.equal(days({ from: "2013-01-01T23:00:00", before: "2013-01-02T00:00:00" }), time("2013-01-01T23:00:00", "hour"));
});

test("rows are in the order of a column, null last", () => {
  const columns = [{ name: "a" }];
  const check = (values: Cell[], sort: string, expect: Cell[]) =>
    assert.deepEqual(
      sorted(
        values.map((value) => [value]),
        columns,
        sort,
      ).flat(),
      expect,
    );
  check([10, null, 9], "a", [9, 10, null]);
  check([10, null, 9], "-a", [10, 9, null]);
  check(["b10", "b9", "a"], "a", ["a", "b9", "b10"]);
  check([2, 1], "b", [2, 1]);
});

test("rows of one place along the axis are put together", () => {
  const columns = [{ name: "day", kind: "date" as const }, { name: "delay" }];
  const rows: Cell[][] = [
    ["2013-01-02", 1],
    ["2013-01-01", 4],
    ["2013-01-02", 3],
    ["2013-01-02", null],
  ];
  const check = (how: string, expect: Cell[][]) => assert.deepEqual(grouped({ columns, rows }, 0, 1, how).rows, expect);
  check("mean", [
    ["2013-01-01", 4],
    ["2013-01-02", 2],
  ]);
  check("sum", [
    ["2013-01-01", 4],
    ["2013-01-02", 4],
  ]);
  check("count", [
    ["2013-01-01", 1],
    ["2013-01-02", 3],
  ]);
  check("row", rows);
});

test("a chart finds its columns by their names", () => {
  const columns = [{ name: "date_day", kind: "date" as const }, { name: "origin" }, { name: "flights" }];
  const result = { columns, rows: [["2013-01-01", "EWR", 3]], truncated: false };
  const shape = { kind: "line" as const, title: "T", measures: ["flights"], series: "origin" };
  const { x, series, measures } = plotOf(shape, result, null) ?? {};
  assert.deepEqual({ x, series, measures }, { x: 0, series: 1, measures: [2] });
  assert.equal(plotOf({ ...shape, measures: ["other"] }, result, null), null);
});
