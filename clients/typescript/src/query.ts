import type { Document, Page } from "./types.js";

/** The names on the way to a field of `T`, joined by dots: `"risk"`, `"departure.scheduled"`. */
export type Field<T> = {
  [K in keyof T & string]: NonNullable<T[K]> extends readonly unknown[]
    ? K
    : NonNullable<T[K]> extends object
      ? K | `${K}.${Field<NonNullable<T[K]>>}`
      : K;
}[keyof T & string];

/** A field; the greatest first if it begins with `-`. */
export type Order<T> = Field<T> | `-${Field<T>}`;

export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** `["risk", ">=", 0.5]`. A value of another kind is only `!=`; null is what is missing. */
export type Condition<T> = readonly [field: Field<T>, operator: Operator, value: string | number | bigint | boolean | null];

/** Which documents are meant. */
export interface Which<T> {
  /** All of these must be true; at most 16. */
  where?: readonly Condition<T>[] | undefined;
  /** Only this partition. */
  partitionKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface QueryOptions<T> extends Which<T> {
  /** What they are ordered by; by partition and id if it is not given. */
  order?: Order<T> | undefined;
  /** How many there are in a page, 1 to 1000 (default 100). */
  limit?: number | undefined;
  /** `next` of the page before. */
  after?: string | undefined;
}

/** A condition as it stands in a URL. The value is JSON, so that the text `"12"` is not the number 12. */
export function condition<T>([field, operator, value]: Condition<T>): string {
  if (/["\\<>=!]/.test(field)) throw new TypeError(`\`${field}\` is not a field`);
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`\`${field}\` is compared with ${value}`);
  return `${field}${operator}${typeof value === "bigint" ? value : JSON.stringify(value)}`;
}

/** Documents: the first page if it is awaited, all of them one after the other by `for await`. */
export class Query<T> implements PromiseLike<Page<T>>, AsyncIterable<Document<T>> {
  readonly #page: (after: string | undefined) => Promise<Page<T>>;
  readonly #after: string | undefined;
  #first: Promise<Page<T>> | undefined;

  constructor(page: (after: string | undefined) => Promise<Page<T>>, after: string | undefined) {
    this.#page = page;
    this.#after = after;
  }

  then<A = Page<T>, B = never>(
    resolved?: ((page: Page<T>) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#first ??= this.#page(this.#after);
    return this.#first.then(resolved, rejected);
  }

  /** Page by page. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let after = this.#after;
    do {
      const page = await this.#page(after);
      yield page;
      after = page.next ?? undefined;
    } while (after !== undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Document<T>, void, undefined> {
    for await (const page of this.pages()) yield* page.documents;
  }
}
