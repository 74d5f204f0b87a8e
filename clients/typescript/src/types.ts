import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** The key of a document. */
export interface Key {
  id: string;
  /** The partition. If it is not given: the only one that the caller may read, or else the empty one. */
  partitionKey?: string;
}

/** A document. */
export interface Document<T> {
  /** Unique in its collection and partition. */
  id: string;
  /** The partition; empty if there are none. */
  partitionKey: string;
  /** What orders its writes: an integer of 64 bits (`BigInt(version)` compares). */
  version: string;
  /** Another one if the document is another. */
  etag: string;
  /** What the pipeline published. */
  body: T;
}

/** Documents, and where the next page begins. */
export interface Page<T> {
  documents: Document<T>[];
  /** What `after` is for the next page; null if this is the last. */
  next: string | null;
}

/** A document as it is after a change. */
export type Change<T> = (
  | ({ deleted: false } & Document<T>)
  | ({ deleted: true; etag: null; body: null } & Omit<Document<T>, "etag" | "body">)
) & {
  /** Of `follow`: what `since` is to go on after this change. Not every change has one. */
  token?: string;
};

/** What changed, and where to go on. */
export interface Changes<T> {
  /** Documents in the order of their last change, each once and as it is now. */
  changes: Change<T>[];
  /** What `since` is to go on from here. */
  next: string;
  /** Whether there is more already. */
  hasMore: boolean;
}

/** From JSON's names. */
export function document<T>({ id, partition_key, version, etag, body }: Schemas["Document"]): Document<T> {
  return { id, partitionKey: partition_key, version, etag, body: body as T };
}

/** The same of a change. */
export function change<T>({ id, partition_key, version, deleted, etag, body }: Schemas["Change"]): Change<T> {
  const key = { id, partitionKey: partition_key, version };
  if (deleted || etag == null || body == null) return { ...key, deleted: true, etag: null, body: null };
  return { ...key, deleted: false, etag, body: body as T };
}

/** The other way round. */
export function key({ id, partitionKey }: Key): Schemas["DocumentKey"] {
  return partitionKey === undefined ? { id } : { id, partition_key: partitionKey };
}
