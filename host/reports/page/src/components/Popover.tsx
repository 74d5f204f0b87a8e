import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  /** What the button says, and its name for screen readers if that is more. */
  button: ComponentChildren;
  name?: string;
  kind?: string;
  isDisabled?: boolean;
  children: (close: () => void) => ComponentChildren;
}

/** A button with a panel below it, which Escape and a click elsewhere close. */
export function Popover({ button, name, kind = "", isDisabled = false, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };

  useLayoutEffect(() => {
    if (!isOpen) return undefined;
    const { left = 0, right = 0 } = panel.current?.getBoundingClientRect() ?? {};
    const beside = Math.max(8 - left, Math.min(0, document.documentElement.clientWidth - 8 - right));
    if (panel.current && beside !== 0) panel.current.style.transform = `translateX(${beside}px)`;
    panel.current?.querySelector<HTMLElement>("input, select, button")?.focus({ preventScroll: true });
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [isOpen]);

  return (
    <div
      class="popover"
      ref={box}
      onKeyDown={(event) => {
        if (event.key === "Escape" && isOpen) {
          event.stopPropagation();
          // A dialog that it is in stays open.
          event.preventDefault();
          close();
        }
      }}
    >
      <button
        type="button"
        ref={opener}
        class={kind}
        disabled={isDisabled}
        aria-label={name}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {button}
      </button>
      {isOpen && (
        <div class="panel" ref={panel}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
