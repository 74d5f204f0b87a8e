import assert from "node:assert/strict";
import { test } from "node:test";

import { division, waterfall } from "../src/charts/waterfall";
import type { Cause, Explanation, Part } from "../src/contract";

function explained(expected: number | null, actual: number | null, impacts: (number | null)[]): Explanation {
  const causes = impacts.map((impact, index): Cause => {
    const support = { layer: 1, surprise: null, leaves: 1, rows: 1, confidence: 1, sentence: "" };
    const values = { cause: { a: String(index) }, text: `a=${index}`, actual: 1, expected: 1, impact, share: null };
    return { rank: index + 1, ...values, ...support };
  });
  return { measure: "m", actual, expected, summary: "", by: ["a"], periods: [], others: null, causes, parts: [] };
}

function check(expected: number | null, actual: number | null, impacts: (number | null)[], steps: [string, number, number][]) {
  const made = waterfall(explained(expected, actual, impacts), "M", ({ text }) => text);
  const found = made?.steps.map(({ name, from, to }) => [name, from, Math.round(to * 1e9) / 1e9]) ?? [];
  assert.deepEqual(found, steps);
  return made;
}

test("causes go from what was expected to what is, and what is left is everything else", () => {
  const made = check(10, 25, [12, -2], [
    ["Expected", 0, 10],
    ["a=0", 10, 22],
    ["a=1", 22, 20],
    ["Everything else", 20, 25],
    ["Actual", 0, 25],
  ]);
  assert.deepEqual(made?.steps.map(({ kind }) => kind), ["whole", "more", "less", "more", "whole"]);
  assert.deepEqual(made?.domain, [0, 25]);
  assert.match(made?.description ?? "", /M: Expected: 10; a=0: \+12;/);
});

test("what is only not quite zero is nothing else", () => {
  check(0.1, 0.3, [0.1, 0.1 + 1e-12, null], [
    ["Expected", 0, 0.1],
    ["a=0", 0.1, 0.2],
    ["a=1", 0.2, 0.3],
    ["Actual", 0, 0.3],
  ]);
  check(null, 3, [1], []);
  check(3, null, [1], []);
});

test("values of a dimension, and all others, add up to the change of a sum; of a ratio, the mix is the rest", () => {
  const steps = (expected: number, actual: number, impacts: (number | null)[], others: number) => {
    const values = impacts.map((impact, at) => ({ value: String(at), actual: 1, expected: 1, impact, share: null, rows: 1 }));
    const part: Part = { dimension: "a", values, others };
    const made = division(explained(expected, actual, []), part, "M", ({ value }) => `a ${value}`);
    return made?.steps.map(({ name, isRest, from, to }) => [name, isRest ?? false, from, to]);
  };
  assert.deepEqual(steps(10, 15, [4, -2], 3), [
    ["Expected", false, 0, 10],
    ["a 0", false, 10, 14],
    ["a 1", false, 14, 12],
    ["Other values", true, 12, 15],
    ["Actual", false, 0, 15],
  ]);
  assert.deepEqual(steps(10, 15, [4, null], 0)?.slice(1), [
    ["a 0", false, 10, 14],
    ["Change of the mix", true, 14, 15],
    ["Actual", false, 0, 15],
  ]);
  const counted = { ...explained(1, 2.4, []), format: { style: "number", decimals: 0 } } as const;
  const half = { value: "x", actual: 1, expected: 0.6, impact: 0.4, share: null, rows: 1 };
  const texts = division(counted, { dimension: "a", values: [half], others: 1 }, "M", () => "x")?.steps.map(({ text }) => text);
  assert.deepEqual(texts, ["1", "+0.4", "+1", "2"]);
  assert.equal(steps(10, 15, [5, 0.001], 0)?.length, 4, "a hardly changed mix is none");
});

test("an axis begins at zero, unless nothing could be seen then", () => {
  const domain = (expected: number, actual: number, impacts: number[]) =>
    waterfall(explained(expected, actual, impacts), "M", () => "")?.domain;
  assert.deepEqual(domain(1000, 1010, [10]), [995, 1011]);
  assert.deepEqual(domain(-1000, -1010, [-10]), [-1011, -995]);
  assert.deepEqual(domain(-5, 5, [10]), [-5, 5]);
  assert.deepEqual(domain(1000, 1010, [500]), [0, 1500]);
  assert.deepEqual(domain(7, 7, []), [0, 7]);
});
