import { delay, pause } from "./backoff.js";
import { WasmillError } from "./error.js";
import { Events, type ServerEvent } from "./events.js";
import type { components } from "./schema.js";
import { failed } from "./transport.js";
import { type Change, change } from "./types.js";

/** `connecting` at first and after a connection broke; `offline` once it could not be made again. */
export type State = "connecting" | "live" | "offline";

export interface FollowOptions {
  /** A token; `"now"` for what comes later; everything from the beginning if it is not given. */
  since?: string | undefined;
  /** Only this partition. */
  partitionKey?: string | undefined;
  /** How many changes the server reads at once, 1 to 1000 (default 100). */
  limit?: number | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
  /** After how many milliseconds without a byte a connection is made anew (default 25,000: the server sends some each 10 s). */
  silence?: number | undefined;
  /** Is told how the connection is. */
  onState?: ((state: State) => void) | undefined;
  /** Is told that the token is too old, or of a database that was put back, or of another: all documents come next, and what is known is to be forgotten. */
  onAnew?: (() => void) | undefined;
}

type Open = (since: string | undefined, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;

/** Changes, over as many connections as it takes. */
export async function* follow<T>(
  open: Open,
  now: (signal: AbortSignal) => Promise<string>,
  options: FollowOptions,
): AsyncGenerator<Change<T>, void, undefined> {
  const { signal, silence = 25_000, onAnew } = options;
  const tell = teller(options.onState);
  let token = options.since;
  /** Whether this server gave the token, and not whoever asks. */
  let isGiven = false;
  let failures = 0;
  while (!signal?.aborted) {
    const connection = new Connection(signal, silence);
    let wait: number | undefined;
    try {
      if (tell.last === undefined) tell("connecting");
      // `now` is another time when it is asked for again.
      if (token === "now") {
        token = await connection.within(now(connection.signal));
        isGiven = true;
      }
      const events = connection.events(await connection.within(open(token, connection.signal)));
      tell("live");
      for await (const { event, data, id } of events) {
        if (event === "change" && data !== undefined) yield { ...parse<T>(data), ...(id === undefined ? {} : { token: id }) };
        if (id === undefined) continue;
        token = id;
        isGiven = true;
        failures = 0;
      }
    } catch (err) {
      if (signal?.aborted) return;
      const error = failed(err);
      wait = error.retryAfter;
      // 400: the token came from this server, and so it is of a database that is not there any more.
      const isGone = error.status === 410 || (error.status === 400 && isGiven);
      if (isGone && token !== undefined) {
        token = undefined;
        isGiven = false;
        onAnew?.();
        continue;
      }
      if (!error.isTemporary) throw error;
    } finally {
      connection.close();
    }
    tell(tell.last === "live" && globalThis.navigator?.onLine !== false ? "connecting" : "offline");
    await pause(delay(failures, wait), signal).catch(() => {});
    failures++;
  }
}

/** One connection, which is given up when it is silent, or when the browser says that it is offline. */
class Connection {
  readonly #abort = new AbortController();
  readonly #silence: number;
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal | undefined, silence: number) {
    this.#silence = silence;
    this.signal = signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal;
    const offline = () => this.#abort.abort(new WasmillError(0, "this device is offline"));
    if (typeof addEventListener === "function") addEventListener("offline", offline, { signal: this.#abort.signal });
  }

  async *events(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, void, undefined> {
    const reader = stream.getReader();
    const events = new Events();
    for (;;) {
      const { done, value } = await this.within(reader.read());
      if (done) return;
      yield* events.push(value);
    }
  }

  /** Waits, but not for ever, whatever `fetch` makes of the signal. */
  within<R>(promise: Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      const late = () => this.#abort.abort(new WasmillError(0, `nothing came for ${this.#silence / 1000} s`));
      const timer = setTimeout(late, this.#silence);
      const aborted = () => reject(this.signal.reason as Error);
      this.signal.addEventListener("abort", aborted);
      if (this.signal.aborted) aborted();
      const ended = () => {
        clearTimeout(timer);
        this.signal.removeEventListener("abort", aborted);
      };
      promise.then(resolve, reject).finally(ended);
    });
  }

  close(): void {
    this.#abort.abort();
  }
}

function parse<T>(data: string): Change<T> {
  try {
    return change<T>(JSON.parse(data) as components["schemas"]["Change"]);
  } catch (err) {
    throw new WasmillError(0, "a change is not JSON", { cause: err });
  }
}

/** Says each state once. */
function teller(onState: ((state: State) => void) | undefined): { (state: State): void; last?: State } {
  const tell: { (state: State): void; last?: State } = (state) => {
    if (tell.last === state) return;
    tell.last = state;
    onState?.(state);
  };
  return tell;
}
