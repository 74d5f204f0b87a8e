/** The longest wait, in milliseconds, and the first: half of it at least, the other half by chance, twice as long each time. */
const LONGEST = 30_000;
const FIRST = 500;

/** How long to wait after so many failures in a row, in milliseconds, and after what the server said, in seconds. */
export function delay(failures: number, retryAfter = 0): number {
  const most = Math.min(LONGEST, FIRST * 2 ** failures);
  return retryAfter * 1000 + (most / 2) * (1 + Math.random());
}

/** Waits, until a browser is online again at most. Throws the signal's reason if it is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const done = new AbortController();
  await new Promise<void>((resolve) => {
    const end = () => resolve();
    const timer = setTimeout(end, milliseconds);
    const until = { signal: done.signal };
    done.signal.addEventListener("abort", () => clearTimeout(timer));
    signal?.addEventListener("abort", end, until);
    if (typeof addEventListener === "function") addEventListener("online", end, until);
  });
  done.abort();
  signal?.throwIfAborted();
}
