import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { OnWhy } from "../charts/Chart";
import type { Cell, Column } from "../contract";
import { cell } from "../format";
import { label } from "../charts/points";

const ROW = 30;
const MORE = 12;

interface Props {
  name: string;
  columns: Column[];
  rows: Cell[][];
  /** A column's name, with `-` before it from the greatest on. */
  sort?: string;
  onSort?: ((sort: string) => void) | undefined;
  /** The first column's values are buttons then. */
  onPick?: ((row: number, isMore: boolean) => void) | undefined;
  onWhy?: OnWhy | undefined;
  isPicked?: ((row: Cell[]) => boolean) | null;
  /** The columns whose numbers have bars. */
  bars?: number[];
  isNumbered?: boolean;
}

/** A table of any length: only the rows that can be seen are there. */
export function Grid({ name, columns, rows, sort = "", onSort, onPick, onWhy, isPicked, bars = [], isNumbered = false }: Props) {
  const box = useRef<HTMLDivElement>(null);
  // The row whose button Tab comes to; arrows go on from there.
  const [current, setCurrent] = useState(0);
  const [{ top, height }, setSeen] = useState({ top: 0, height: 600 });
  const widths = useMemo(() => columns.map((column, index) => widthOf(column, rows, index)), [columns, rows]);
  const most = useMemo(
    () => bars.map((index) => Math.max(0, ...rows.slice(0, 1000).map((row) => Math.abs(Number(row[index]) || 0)))),
    [rows, bars.join()],
  );
  const isNumber = useMemo(
    () =>
      columns.map(
        (column, index) => column.kind !== "date" && typeof rows.find((row) => row[index] !== null)?.[index] === "number",
      ),
    [columns, rows],
  );

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = () => setSeen({ top: element.scrollTop, height: element.clientHeight });
    look();
    const watch = new ResizeObserver(look);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    box.current?.scrollTo({ top: 0 });
    setCurrent(0);
  }, [rows]);
  const step = (event: KeyboardEvent) => {
    const count = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const element = box.current;
    if (count === undefined || !element || !(event.target as Element).matches("td button")) return;
    event.preventDefault();
    const next = Math.min(rows.length - 1, Math.max(0, current + count));
    setCurrent(next);
    // Below the head, and above the lower edge: then it is drawn.
    if (next * ROW < element.scrollTop) element.scrollTop = next * ROW;
    else if ((next + 3) * ROW > element.scrollTop + element.clientHeight)
      element.scrollTop = (next + 3) * ROW - element.clientHeight;
    requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        element.querySelector<HTMLElement>(`tr[aria-rowindex="${next + 2}"] button`)?.focus({ preventScroll: true }),
      ),
    );
  };

  const ask = (event: MouseEvent, row: number) => {
    // Whoever selected text wants to copy it.
    if (getSelection()?.toString()) return;
    event.preventDefault();
    const at = (event.target as Element).closest("td")?.cellIndex ?? 0;
    onWhy?.(row, at - (isNumbered ? 1 : 0), event);
  };

  const isWhole = rows.length <= 200;
  const first = isWhole ? 0 : Math.max(0, Math.min(Math.floor(top / ROW) - MORE, rows.length - 1));
  const last = isWhole ? rows.length : Math.min(rows.length, Math.ceil((top + height) / ROW) + MORE);
  const spacer = (count: number) =>
    count > 0 && (
      <tr class="spacer" aria-hidden="true">
        <td colSpan={columns.length + (isNumbered ? 1 : 0)} style={{ height: `${count * ROW}px` }} />
      </tr>
    );

  return (
    <div
      class="grid"
      ref={box}
      tabIndex={0}
      role="region"
      aria-label={name}
      onKeyDown={step}
      onScroll={(event) => setSeen({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
    >
      <table
        aria-rowcount={rows.length + 1}
        style={{ minWidth: `${widths.reduce((sum, width) => sum + width, isNumbered ? 4.5 : 0)}em` }}
      >
        <colgroup>
          {isNumbered && <col style={{ width: "4.5em" }} />}
          {widths.map((width) => (
            <col style={{ width: `${width}em` }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {isNumbered && (
              <th scope="col" class="of-number">
                #
              </th>
            )}
            {columns.map((column, index) => {
              const direction = sort === column.name ? "ascending" : sort === `-${column.name}` ? "descending" : undefined;
              const next =
                direction === "descending"
                  ? column.name
                  : direction === "ascending" || isNumber[index]
                    ? `-${column.name}`
                    : column.name;
              return (
                <th scope="col" class={isNumber[index] ? "of-number" : ""} aria-sort={direction}>
                  {onSort ? (
                    <button type="button" onClick={() => onSort(next)}>
                      {label(column)}
                      <span class="arrow" aria-hidden="true">
                        {direction === "ascending" ? "▲" : direction ? "▼" : ""}
                      </span>
                    </button>
                  ) : (
                    label(column)
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {spacer(first)}
          {rows.slice(first, last).map((row, offset) => {
            const at = first + offset;
            const state = isPicked ? (isPicked(row) ? "on" : "off") : "";
            return (
              <tr
                key={at}
                aria-rowindex={at + 2}
                class={`${state}${onPick ? " can-pick" : ""}`}
                onContextMenu={onWhy && ((event) => ask(event, at))}
                onClick={onPick && ((event) => onPick(at, event.ctrlKey || event.metaKey || event.shiftKey))}
              >
                {isNumbered && <td class="of-number at">{at + 1}</td>}
                {columns.map((column, index) => {
                  const text = cell(row[index], column);
                  const bar = bars.indexOf(index);
                  const part = bar < 0 ? 0 : Math.round((Math.abs(Number(row[index]) || 0) / (most[bar] || 1)) * 100);
                  return (
                    <td class={isNumber[index] ? "of-number" : ""} title={text.length > 24 ? text : undefined}>
                      {bar >= 0 && <span class="bar" style={{ width: `${part}%` }} />}
                      {onPick && index === 0 ? (
                        <button
                          type="button"
                          class="plain"
                          tabIndex={at === current ? 0 : -1}
                          onFocus={() => setCurrent(at)}
                          aria-pressed={isPicked ? state === "on" : false}
                        >
                          {text}
                        </button>
                      ) : (
                        <span>{text}</span>
                      )}
                    </td>
                  );
                })}
              </tr>
            );
          })}
          {spacer(rows.length - last)}
        </tbody>
      </table>
    </div>
  );
}

/** By the longest of some of its values, in widths of a letter. */
function widthOf(column: Column, rows: Cell[][], index: number): number {
  let most = label(column).length + 2;
  for (let at = 0; at < rows.length; at += Math.max(1, Math.floor(rows.length / 60)))
    most = Math.max(most, cell(rows[at]?.[index], column).length);
  return Math.min(26, Math.max(5.5, most * 0.56 + 1.8));
}
