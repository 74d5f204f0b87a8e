// What several parts of the page look at.

import { useEffect, useState } from "preact/hooks";

export class Store<T> {
  readonly #heard = new Set<() => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const hear of this.#heard) hear();
  }

  subscribe(hear: () => void): () => void {
    this.#heard.add(hear);
    return () => this.#heard.delete(hear);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, draw] = useState(0);
  useEffect(() => {
    const stop = store.subscribe(() => draw((count) => count + 1));
    draw((count) => count + 1);
    return stop;
  }, [store]);
  return store.value;
}

/** Counts the keys that were tried: whoever was refused asks again. */
export const access = new Store(0);

/** Whether a key is asked for. */
export const isLocked = new Store(false);

/** What a screen reader is told. */
export const said = new Store("");
