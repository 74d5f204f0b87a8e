import { useEffect, useRef, useState } from "preact/hooks";

import { hasKey, keep } from "../live";
import { access, isLocked, useStore } from "../store";

/** Asks for a key, when the server wants one. It is kept until the tab is closed. */
export function KeyDialog() {
  const isOpen = useStore(isLocked);
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState("");
  const wasRefused = isOpen && hasKey();

  useEffect(() => {
    const element = dialog.current;
    if (isOpen && element && !element.open) element.showModal();
    if (!isOpen && element?.open) element.close();
  }, [isOpen]);

  const send = (event: Event) => {
    event.preventDefault();
    keep(key.trim());
    setKey("");
    isLocked.set(false);
    access.set(access.value + 1);
  };

  return (
    <dialog ref={dialog} aria-labelledby="key-title" onClose={() => isLocked.set(false)}>
      <form onSubmit={send}>
        <h2 id="key-title">The server wants a key</h2>
        <p>
          {wasRefused
            ? "The key that it was given may not read this."
            : "An API key may be given to read with. It stays in this tab."}
        </p>
        <label class="field">
          Key
          <input type="password" autocomplete="off" value={key} onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
        <p class="buttons">
          <button type="button" onClick={() => isLocked.set(false)}>
            Without
          </button>
          <button type="submit" class="main" disabled={!key.trim()}>
            Use it
          </button>
        </p>
      </form>
    </dialog>
  );
}
