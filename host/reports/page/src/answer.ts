// Something that is asked for, again when what is asked changes. What was asked before is cancelled.

import { useEffect, useState } from "preact/hooks";

import { SourceError } from "./problem";
import { access, isLocked, useStore } from "./store";

export interface Answer<T> {
  /** The newest; while another is waited for, still that of before. */
  value: T | null;
  error: SourceError | null;
  isWaiting: boolean;
  again: () => void;
}

/** `key` says what is asked; without one nothing is. */
export function useAnswer<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>, isOptional = false): Answer<T> {
  const tried = useStore(access);
  const [count, setCount] = useState(0);
  const [state, setState] = useState<{ value: T | null; error: SourceError | null; key: string | null }>({
    value: null,
    error: null,
    key: null,
  });
  const whole = key === null ? null : `${tried} ${count} ${key}`;
  useEffect(() => {
    if (whole === null) {
      setState({ value: null, error: null, key: null });
      return undefined;
    }
    const stop = new AbortController();
    ask(stop.signal).then(
      (value) => !stop.signal.aborted && setState({ value, error: null, key: whole }),
      (err: unknown) => {
        if (stop.signal.aborted) return;
        const error = err instanceof SourceError ? err : new SourceError("A fault of the page", String(err));
        if (error.status === 401 && !isOptional) isLocked.set(true);
        setState(({ value }) => ({ value: isOptional ? null : value, error, key: whole }));
      },
    );
    return () => stop.abort();
  }, [whole]);
  const isWaiting = whole !== null && state.key !== whole;
  return { value: state.value, error: isWaiting ? null : state.error, isWaiting, again: () => setCount((count) => count + 1) };
}
