// What a click on a row of a tile does: its tile goes down a level, or the other tiles are filtered.

import { label } from "./charts/points";
import type { Cell, Column, Result, Tile } from "./contract";
import { cell } from "./format";
import { clickable, column, hasBelow, levelOf, parts } from "./queries";
import type { Chip, Look } from "./state";

/** The look after the click, and what a screen reader is told of it. `isMore`: beside what was clicked before. */
export function picked(
  tile: Tile,
  look: Look,
  { columns }: Result,
  row: Cell[],
  isMore: boolean,
): { to: Partial<Look>; said: string } {
  const { id } = tile;
  const values = valuesIn(tile, look, columns, row);
  const others = look.chips.filter((chip) => chip.tile !== id);
  const down = values.find(({ asked }) => asked === levelOf(tile, look));
  if (down && hasBelow(tile, look)) {
    const drill = { ...look.drill, [id]: [...(look.drill[id] ?? []), down.value] };
    return { to: { chips: others, drill }, said: `${tile.title} shows ${down.text}, a level below` };
  }
  const own = look.chips.filter((chip) => chip.tile === id);
  const chips = values.flatMap(({ asked, value }) => toggled(own, { tile: id, asked, values: [value] }, isMore));
  // What is clicked again is not meant any more.
  if (chips.length === 0 || JSON.stringify(chips) === JSON.stringify(own)) {
    return { to: { chips: others }, said: "The other tiles show everything again" };
  }
  return { to: { chips: [...others, ...chips] }, said: `The other tiles show ${values.map(({ text }) => text).join(", ")}` };
}

/** What a row is of: the values of what its tile asks by. */
export function valuesIn(tile: Tile, look: Look, columns: Column[], row: Cell[]): { asked: string; value: Cell; text: string }[] {
  return clickable(tile, look).flatMap((asked) => {
    const at = columns.findIndex(({ name }) => name === column(asked));
    const of = columns[at];
    return of ? [{ asked, value: row[at] ?? null, text: `${label(of)} ${cell(row[at], of)}` }] : [];
  });
}

/** A chip, or with more the one before with its value added or taken away. */
function toggled(own: Chip[], chip: Chip, isMore: boolean): Chip[] {
  const before = own.find(({ asked }) => asked === chip.asked);
  // Two periods of time are not one range.
  if (!isMore || !before || parts(chip.asked).granularity) return [chip];
  const [value = null] = chip.values;
  const values = before.values.includes(value) ? before.values.filter((one) => one !== value) : [...before.values, value];
  return values.length > 0 ? [{ ...chip, values }] : [];
}
