// A table as RFC 4180 has it.

import type { Cell, Result } from "./contract";

export function csv({ columns, rows }: Pick<Result, "columns" | "rows">): string {
  const lines = [columns.map(({ name, title }) => title ?? name), ...rows];
  return lines.map((line) => `${line.map(field).join(",")}\r\n`).join("");
}

function field(value: Cell): string {
  if (value === null || value === undefined) return "";
  let text = typeof value === "object" ? JSON.stringify(value) : String(value);
  // A spreadsheet would take it for a formula.
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
