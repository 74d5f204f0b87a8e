// What things are called.

import type { Cell, Condition, Model, Values } from "../contract";
import { cell } from "../format";
import { parts } from "../queries";

/** The title of a dimension or a measure; of `date.month`: “Date (month)”. */
export function titleOf(model: Model, asked: string): string {
  const { name, granularity } = parts(asked);
  const found = [...model.dimensions, ...model.measures].find((one) => one.name === name);
  const title = found?.title ?? name.replaceAll("_", " ");
  return granularity ? `${title} (${granularity})` : title;
}

/** A cause in words: “Airline: UA, From: EWR”. */
export function causeOf(model: Model, cause: Values): string {
  return Object.entries(cause)
    .map(([asked, value]) => `${titleOf(model, asked)}: ${valueOf(model, asked, value)}`)
    .join(", ");
}

const SIGNS: Partial<Record<Condition["operator"], string>> = {
  not_equals: "not ",
  gt: "> ",
  gte: "≥ ",
  lt: "< ",
  lte: "≤ ",
  contains: "with ",
  starts_with: "from ",
  is_null: "–",
  is_not_null: "known",
};

/** A condition in words. */
export function conditionOf(model: Model, { name, operator, values = [] }: Condition): string {
  return `${titleOf(model, name)}: ${SIGNS[operator] ?? ""}${values.map((value) => valueOf(model, name, value)).join(", ")}`;
}

export function valueOf(model: Model, asked: string, value: Cell): string {
  const { name, granularity } = parts(asked);
  const kind = model.dimensions.find((one) => one.name === name)?.kind ?? null;
  return cell(value, { name, kind, granularity: granularity ?? null });
}
