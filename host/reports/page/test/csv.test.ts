import assert from "node:assert/strict";
import { test } from "node:test";

import type { Cell } from "../src/contract";
import { csv } from "../src/csv";

test("a table is as RFC 4180 has it", () => {
  const check = (row: Cell[], expect: string) => {
    const columns = row.map((_, index) => ({ name: `c${index}` }));
    const head = `${columns.map(({ name }) => name).join(",")}\r\n`;
    assert.equal(csv({ columns, rows: [row] }), `${head}${expect}\r\n`);
  };
  check(["a", 1.5, null, true], "a,1.5,,true");
  check(["a,b", 'say "a"', "two\nlines"], '"a,b","say ""a""","two\nlines"');
  check(["=1+1", "-2", -2], "'=1+1,'-2,-2");
  assert.equal(csv({ columns: [{ name: "late_rate", title: "Late, %" }], rows: [] }), '"Late, %"\r\n');
});
