import { Collection } from "./collection.js";
import { type Options, Transport } from "./transport.js";

/**
 * A server's documents.
 *
 * ```ts
 * const wasmill = new Wasmill({ url: "https://documents.example", key: "…" });
 * const flights = wasmill.collection<Flight>("flights");
 * for await (const flight of flights.query({ where: [["risk", ">=", 0.5]], order: "-risk" })) console.log(flight.body);
 * ```
 */
export class Wasmill {
  readonly #transport: Transport;

  constructor(options: Options) {
    this.#transport = new Transport(options);
  }

  /** A collection; nothing is asked of the server yet. `T` is what its documents' bodies are. */
  collection<T extends object = Record<string, unknown>>(name: string): Collection<T> {
    return new Collection<T>(this.#transport, name);
  }

  /** The collections that may be read. */
  async collections(options: { signal?: AbortSignal } = {}): Promise<{ name: string }[]> {
    const { data } = await this.#transport.ask((api, init) => api.GET("/v1/collections", init), options.signal);
    return data.collections;
  }
}
