import { WasmillError } from "./error.js";
import { follow, type FollowOptions } from "./follow.js";
import { condition, Query, type QueryOptions, type Which } from "./query.js";
import type { components } from "./schema.js";
import type { Transport } from "./transport.js";
import { type Change, change, type Changes, type Document, document, type Key, key, type Page } from "./types.js";

/** How many keys a request may have. */
const KEYS = 100;

/** Documents of one kind. */
export class Collection<T extends object> {
  readonly name: string;
  readonly #transport: Transport;

  constructor(transport: Transport, name: string) {
    this.#transport = transport;
    this.name = name;
  }

  /** A document; null if there is none, `"unchanged"` if its entity tag is still the one that is given. */
  get(id: string, options?: GetOptions & { etag?: undefined }): Promise<Document<T> | null>;
  get(id: string, options: GetOptions & { etag?: string | undefined }): Promise<Document<T> | null | "unchanged">;
  async get(id: string, options: GetOptions & { etag?: string | undefined } = {}): Promise<Document<T> | null | "unchanged"> {
    const { partitionKey, etag, signal } = options;
    // URLs cannot say these.
    if (["", ".", ".."].includes(id)) return (await this.batchGet([{ id, ...given({ partitionKey }) }], options))[0] ?? null;
    const params = {
      path: { collection: this.name, id },
      query: given({ partition_key: partitionKey }),
      header: given({ "If-None-Match": etag && `"${etag}"` }),
    };
    try {
      const { data, response } = await this.#transport.ask(
        (api, init) => api.GET("/v1/collections/{collection}/documents/{id}", { ...init, params }),
        signal,
      );
      return response.status === 304 ? "unchanged" : document<T>(data);
    } catch (err) {
      if (err instanceof WasmillError && err.status === 404 && isJson(err.cause)) return null;
      throw err;
    }
  }

  /** Documents by conditions, in an order: `await` gives a page, `for await` all. */
  query(options: QueryOptions<T> = {}): Query<T> {
    const { order, limit, signal } = options;
    const page = async (after: string | undefined): Promise<Page<T>> => {
      const params = { path: { collection: this.name }, query: { ...which(options), ...given({ order, limit, after }) } };
      const { data } = await this.#transport.ask(
        (api, init) => api.GET("/v1/collections/{collection}/documents", { ...init, params }),
        signal,
      );
      return { documents: data.documents.map((found) => document<T>(found)), next: data.next ?? null };
    };
    return new Query(page, options.after);
  }

  /** How many documents there are. */
  async count(options: Which<T> = {}): Promise<number> {
    const params = { path: { collection: this.name }, query: which(options) };
    const { data } = await this.#transport.ask(
      (api, init) => api.GET("/v1/collections/{collection}/count", { ...init, params }),
      options.signal,
    );
    return data.count;
  }

  /** Documents by their keys, each in the place of its key; null if there is none. */
  async batchGet(keys: readonly Key[], options: { signal?: AbortSignal | undefined } = {}): Promise<(Document<T> | null)[]> {
    const params = { path: { collection: this.name } };
    const documents: (Document<T> | null)[] = [];
    // An answer has fewer if they are large.
    while (documents.length < keys.length) {
      const body = { keys: keys.slice(documents.length, documents.length + KEYS).map(key) };
      const { data } = await this.#transport.ask(
        (api, init) => api.POST("/v1/collections/{collection}/batch-get", { ...init, params, body }),
        options.signal,
      );
      if (data.documents.length === 0) throw new WasmillError(0, "the server answers none of the keys");
      documents.push(...data.documents.map((found) => found && document<T>(found)));
    }
    return documents;
  }

  /** What changed since a token, `"now"`, or the beginning; waits some seconds for a change if there is none. */
  async changes(options: ChangesOptions = {}): Promise<Changes<T>> {
    const { since, wait, limit, partitionKey, signal } = options;
    const query = given({ since, wait, limit, partition_key: partitionKey });
    const { data } = await this.#transport.ask(
      (api, init) => api.GET("/v1/collections/{collection}/changes", { ...init, params: { path: { collection: this.name }, query } }),
      signal,
      (wait ?? 0) * 1000,
    );
    const { changes, next, has_more } = data as components["schemas"]["Changes"];
    return { changes: changes.map((found) => change<T>(found)), next, hasMore: has_more };
  }

  /**
   * Changes as they happen, for ever: it connects again by itself, and goes on where it was. None is skipped; some may come
   * again. It throws what time does not mend (a key that is not valid any more), and ends when the signal is aborted.
   */
  follow(options: FollowOptions = {}): AsyncGenerator<Change<T>, void, undefined> {
    const open = (since: string | undefined, signal: AbortSignal) => {
      const query = given({ since, limit: options.limit, partition_key: options.partitionKey });
      const params = { path: { collection: this.name }, query };
      const headers = { Accept: "text/event-stream" };
      return this.#transport.stream(
        (api, init) => api.GET("/v1/collections/{collection}/changes", { ...init, headers, params }),
        signal,
      );
    };
    const { partitionKey } = options;
    const now = async (signal: AbortSignal) => (await this.changes({ since: "now", limit: 1, partitionKey, signal })).next;
    return follow<T>(open, now, options);
  }
}

export interface GetOptions {
  partitionKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface ChangesOptions {
  since?: string | undefined;
  /** Seconds, 0 to 60 (default 0). */
  wait?: number | undefined;
  /** 1 to 1000 (default 100). */
  limit?: number | undefined;
  partitionKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

function which<T>({ where, partitionKey }: Which<T>): { where?: string[]; partition_key?: string } {
  return given({ where: where?.map((of) => condition(of)), partition_key: partitionKey });
}

/** Without what is undefined. */
function given<O extends object>(options: O): { [K in keyof O]?: Exclude<O[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** Whether a document is missing, and not the server behind some other one. */
function isJson(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "error" in answer;
}
