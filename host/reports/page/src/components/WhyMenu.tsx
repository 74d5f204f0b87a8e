import { useLayoutEffect, useRef } from "preact/hooks";

export interface Item {
  words: string;
  run: () => void;
}

interface Props {
  at: { x: number; y: number };
  /** What it is about. */
  title: string;
  items: Item[];
  close: () => void;
}

/** What can be asked about a mark, at the pointer; Escape and a click elsewhere close it. */
export function WhyMenu({ at: { x, y }, title, items, close }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const before = useRef(document.activeElement);
  const back = () => {
    close();
    if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const { clientWidth, clientHeight } = document.documentElement;
    element.style.left = `${Math.max(8, Math.min(x, clientWidth - 8 - element.offsetWidth))}px`;
    element.style.top = `${Math.max(8, Math.min(y, clientHeight - 8 - element.offsetHeight))}px`;
    element.querySelector("button")?.focus({ preventScroll: true });
    const outside = (event: Event) => {
      if (!element.contains(event.target as Node)) close();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    addEventListener("scroll", close, true);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      removeEventListener("scroll", close, true);
    };
  }, [x, y]);

  return (
    <div
      class="panel at-pointer"
      ref={box}
      role="group"
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key === "Escape") back();
      }}
    >
      <p class="soft">{title}</p>
      <div class="items">
        {items.map(({ words, run }) => (
          <button
            key={words}
            type="button"
            onClick={() => {
              back();
              run();
            }}
          >
            {words}
          </button>
        ))}
      </div>
    </div>
  );
}
