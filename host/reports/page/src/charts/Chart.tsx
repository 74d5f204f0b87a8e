import { useEffect, useRef, useState } from "preact/hooks";
import type { View } from "vega";

import { useTheme } from "../theme";
import type { Plot } from "./points";
import { view } from "./runtime";
import { hideTip, showTip } from "./tip";
import type { Waterfall } from "./waterfall";

const HAS_MOUSE = matchMedia("(hover: hover)");
const HINT = "Right click: why?";

/** Somebody asks why of a row; of the measure of a column, unless it may be of any. */
export type OnWhy = (row: number, column: number | null, at: MouseEvent) => void;

interface Props {
  plot: Plot | Waterfall;
  /** A row was clicked; `isMore` if it is to be one more. */
  onPick?: ((row: number, isMore: boolean) => void) | undefined;
  onWhy?: OnWhy | undefined;
  /** Where whoever wants a picture finds the chart. */
  handle?: { current: View | null };
}

/** As large as the element that it is in. */
export function Chart({ plot, onPick, onWhy, handle }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const pick = useRef(onPick);
  pick.current = onPick;
  const why = useRef(onWhy);
  why.current = onWhy;
  const theme = useTheme();
  const shown = useRef<View | null>(null);
  const [error, setError] = useState("");

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let drawn: View;
    try {
      drawn = view(plot, theme, sizeOf(element), element);
      setError("");
    } catch (err) {
      setError(String(err));
      return undefined;
    }
    shown.current = drawn;
    if (handle) handle.current = drawn;
    drawn.tooltip((_, event, __, value) => {
      if (!value) return hideTip();
      return showTip(event as MouseEvent, why.current && HAS_MOUSE.matches ? `${value}\n${HINT}` : String(value));
    });
    drawn.addEventListener("contextmenu", (event, item) => {
      const { row, measure } = markOf(item?.datum);
      if (row === undefined || !why.current) return;
      event.preventDefault();
      hideTip();
      why.current(row, measure ?? null, event as unknown as MouseEvent);
    });
    drawn.addEventListener("click", (event, item) => {
      const { row } = markOf(item?.datum);
      const { ctrlKey, metaKey, shiftKey } = event as unknown as MouseEvent;
      if (row !== undefined) pick.current?.(row, ctrlKey || metaKey || shiftKey);
    });
    drawn.runAsync().catch((err: unknown) => setError(String(err)));
    return () => {
      hideTip();
      drawn.finalize();
      shown.current = null;
      if (handle) handle.current = null;
      element.replaceChildren();
    };
  }, [plot, theme]);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(() => {
      const { width, height } = sizeOf(element);
      const drawn = shown.current;
      if (!drawn || (drawn.width() === width && drawn.height() === height)) return;
      drawn
        .width(width)
        .height(height)
        .runAsync()
        .catch(() => {});
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  return (
    <>
      <div class={`chart of-${plot.kind}${onPick ? " can-pick" : ""}`} ref={box} />
      {error && <p class="notice bad">{error}</p>}
    </>
  );
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement) {
  return { width: Math.max(80, clientWidth), height: Math.max(80, clientHeight) };
}

/** What is nearest to the pointer is a cell around a point, which has the point's datum as its own. */
function markOf(datum: unknown): { row?: number; measure?: number } {
  for (let at = datum as { row?: number; measure?: number; datum?: unknown } | undefined; at; at = at.datum as typeof at) {
    if (typeof at.row === "number") return at;
  }
  return {};
}
