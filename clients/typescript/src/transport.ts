import createClient, { type Client } from "openapi-fetch";

import { delay, pause } from "./backoff.js";
import { isTemporary, retryAfter, WasmillError } from "./error.js";
import type { paths } from "./schema.js";

/** A text, or what gives one before each request: a token that is renewed, for example. */
export type Credential = string | (() => Promise<string>);

export interface Options {
  /** Where the server is: `https://documents.example`; empty in a browser for the page's own origin. */
  url: string;
  /** Sent as `X-API-Key`. */
  key?: Credential | undefined;
  /** Sent as `Authorization: Bearer`. */
  token?: Credential | undefined;
  /** Instead of the platform's own `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** How often a request is sent again that failed for a while only (default 2). */
  retries?: number;
}

export type Api = Client<paths>;

/** What every request is sent with. */
export type Init = { signal: AbortSignal };

/** The same of a stream. */
export type StreamInit = Init & { fetch: (request: Request) => Promise<Response>; parseAs: "stream" };

interface Answer<D> {
  data?: D;
  error?: unknown;
  response: Response;
}

/** The longest time for a request with all its retries, in milliseconds. */
const DEADLINE = 30_000;

/** Retries are not worth waiting longer for, in seconds. */
const LONGEST_RETRY_AFTER = 10;

/** Sends requests with credentials, and again if they fail for a while only. */
export class Transport {
  readonly #options: Options;
  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #api: Api;

  constructor(options: Options) {
    this.#options = options;
    this.#fetch = options.fetch ?? ((request) => fetch(request));
    this.#api = createClient<paths>({ baseUrl: options.url.replace(/\/+$/, ""), fetch: (request) => this.#retry(request) });
  }

  /** Asks, and gives the answer if it is one that was hoped for. `longer`: milliseconds that the server may take by itself. */
  async ask<D>(
    send: (api: Api, init: Init) => Promise<Answer<D>>,
    signal: AbortSignal | undefined,
    longer = 0,
  ): Promise<{ data: D; response: Response }> {
    const deadline = AbortSignal.timeout(DEADLINE + longer);
    try {
      const answer = await send(this.#api, { signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
      return succeeded(answer);
    } catch (err) {
      signal?.throwIfAborted();
      throw failed(err);
    }
  }

  /** A stream of bytes, for as long as it lasts. It is asked for once: whoever reads it goes on by another way. */
  async stream(
    send: (api: Api, init: StreamInit) => Promise<Answer<unknown>>,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const { response } = succeeded(await send(this.#api, { signal, fetch: this.#send, parseAs: "stream" }));
    if (!response.body) throw new WasmillError(0, "the answer has no body");
    return response.body;
  }

  /** Sends a request once. */
  readonly #send = async (request: Request): Promise<Response> => {
    const { key, token } = this.#options;
    // Only what has a body can be sent once only. Node.js forgets the signal of a copy when the original is collected.
    const sent = request.body === null ? request : request.clone();
    if (key !== undefined) sent.headers.set("X-API-Key", await credential(key));
    if (token !== undefined) sent.headers.set("Authorization", `Bearer ${await credential(token)}`);
    return await this.#fetch(sent);
  };

  async #retry(request: Request): Promise<Response> {
    const most = this.#options.retries ?? 2;
    for (let failures = 0; ; failures++) {
      let wait: number | undefined;
      try {
        const response = await this.#send(request);
        wait = retryAfter(response.headers);
        const isWorthIt = isTemporary(response.status) && failures < most && (wait ?? 0) <= LONGEST_RETRY_AFTER;
        if (!isWorthIt) return response;
        await response.body?.cancel();
      } catch (err) {
        if (request.signal.aborted || failures >= most) throw err;
      }
      await pause(delay(failures, wait), request.signal);
    }
  }
}

async function credential(credential: Credential): Promise<string> {
  if (typeof credential === "string") return credential;
  try {
    return await credential();
  } catch (err) {
    throw new WasmillError(0, `there are no credentials: ${said(err)}`, { cause: err });
  }
}

function succeeded<D>({ data, error, response }: Answer<D>): { data: D; response: Response } {
  if (response.ok || response.status === 304) return { data: data as D, response };
  const told = typeof error === "object" && error !== null && "error" in error ? error.error : undefined;
  const message = typeof told === "string" ? told : `the server answered ${response.status} ${response.statusText}`.trimEnd();
  throw new WasmillError(response.status, message, { cause: error, retryAfter: retryAfter(response.headers) });
}

/** What went wrong before there was an answer. */
export function failed(err: unknown): WasmillError {
  if (err instanceof WasmillError) return err;
  const isLate = err instanceof Error && err.name === "TimeoutError";
  return new WasmillError(0, isLate ? "the server does not answer" : `the server is not reached: ${said(err)}`, { cause: err });
}

function said(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
