/**
 * Reads the documents that Wasmill pipelines publish, and follows them as they change.
 *
 * # Layout
 * - `wasmill`: the client. `collection`: what can be asked. `query`: conditions and pages.
 * - `follow`: changes as they happen. `events`: server-sent events from bytes.
 * - `transport`: credentials, retries, errors. `types`: documents, changes, keys. `schema`: generated from `openapi.json`.
 */
export { Collection } from "./collection.js";
export { WasmillError } from "./error.js";
export { type FollowOptions, type State } from "./follow.js";
export { type Condition, type Field, type Operator, type Order, Query, type QueryOptions, type Which } from "./query.js";
export { type Credential, type Options } from "./transport.js";
export { type Change, type Changes, type Document, type Key, type Page } from "./types.js";
export { Wasmill } from "./wasmill.js";
