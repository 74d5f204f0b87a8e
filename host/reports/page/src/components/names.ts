// What things are called.

import type { Cell, Model } from "../contract";
import { cell } from "../format";
import { parts } from "../queries";

/** The title of a dimension or a measure; of `date.month`: “Date (month)”. */
export function titleOf(model: Model, asked: string): string {
  const { name, granularity } = parts(asked);
  const found = [...model.dimensions, ...model.measures].find((one) => one.name === name);
  const title = found?.title ?? name.replaceAll("_", " ");
  return granularity ? `${title} (${granularity})` : title;
}

export function valueOf(model: Model, asked: string, value: Cell): string {
  const { name, granularity } = parts(asked);
  const kind = model.dimensions.find((one) => one.name === name)?.kind ?? null;
  return cell(value, { name, kind, granularity: granularity ?? null });
}
