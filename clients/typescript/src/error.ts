/** A request that failed. */
export class WasmillError extends Error {
  override readonly name = "WasmillError";
  /** The HTTP status of the answer; 0 if there was none. */
  readonly status: number;
  /** After how many seconds the server wants to be asked again, if it says so. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, options: ErrorOptions & { retryAfter?: number | undefined } = {}) {
    super(message, options);
    this.status = status;
    this.retryAfter = options.retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return isTemporary(this.status);
  }
}

export function isTemporary(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

/** Seconds of a `Retry-After`, which is a number or a date. */
export function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("Retry-After");
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
