import assert from "node:assert/strict";
import { test } from "node:test";

import { Wasmill, WasmillError } from "../src/index.js";
import { type Condition, condition } from "../src/query.js";
import { found, json, refusal, serve } from "./server.js";

interface Flight {
  risk: number;
  carrier?: { code: string };
}

test("a condition's value is JSON", () => {
  const check = (typed: Condition<Record<string, unknown>>, expect: string) => assert.equal(condition(typed), expect);
  check(["risk", ">=", 0.5], "risk>=0.5");
  check(["gate", "=", "12"], 'gate="12"');
  check(["gate", "=", 12], "gate=12");
  check(["number", "<", 9007199254740993n], "number<9007199254740993");
  check(["name", "!=", 'O"Hare\n'], 'name!="O\\"Hare\\n"');
  check(["gone", "=", null], "gone=null");
  check(["late", "=", true], "late=true");
  assert.throws(() => condition(["a=1 or b", "=", 1] as Condition<Record<string, unknown>>), TypeError);
  assert.throws(() => condition(["risk", "<", Number.NaN] as Condition<Record<string, unknown>>), TypeError);
});

test("a query is a page, or all pages", async (t) => {
  const { url, heard } = await serve(
    t,
    json({ documents: [found("a", 0.9)], next: "n1" }),
    json({ documents: [found("a", 0.9)], next: "n1" }),
    json({ documents: [found("b&c", 0.8)], next: null }),
  );
  const flights = new Wasmill({ url: `${url}/`, key: "k" }).collection<Flight>("flights");
  const query = flights.query({
    where: [["carrier.code", "=", "U A&B"], ["risk", ">=", 0.5]],
    order: "-risk",
    limit: 1,
    partitionKey: "EWR",
  });
  const page = await query;
  assert.deepEqual(page, { documents: [{ id: "a", partitionKey: "EWR", version: "7", etag: "e-a", body: { risk: 0.9 } }], next: "n1" });
  const ids: string[] = [];
  for await (const { id } of query) ids.push(id);
  assert.deepEqual(ids, ["a", "b&c"]);
  assert.equal(heard[0]?.url.pathname, "/v1/collections/flights/documents");
  assert.deepEqual(heard[0]?.url.searchParams.getAll("where"), ['carrier.code="U A&B"', "risk>=0.5"]);
  assert.equal(heard[0]?.url.searchParams.get("order"), "-risk");
  assert.equal(heard[0]?.url.searchParams.get("partition_key"), "EWR");
  assert.equal(heard[0]?.headers["x-api-key"], "k");
  assert.equal(heard[2]?.url.searchParams.get("after"), "n1");
});

test("a document is there, missing, or unchanged", async (t) => {
  const { url, heard } = await serve(
    t,
    json(found("a/b", 0.5)),
    (_, response) => void response.writeHead(304, { ETag: '"e-a/b"' }).end(),
    refusal(404, "there is no document `x`"),
    (_, response) => void response.writeHead(404).end("<h1>Not Found</h1>"),
  );
  const flights = new Wasmill({ url, token: async () => "t" }).collection<Flight>("flights");
  const document = await flights.get("a/b", { partitionKey: "EWR" });
  assert.equal(document?.body.risk, 0.5);
  assert.equal(heard[0]?.url.pathname, "/v1/collections/flights/documents/a%2Fb");
  assert.equal(heard[0]?.headers.authorization, "Bearer t");
  assert.equal(await flights.get("a/b", { partitionKey: "EWR", etag: document?.etag }), "unchanged");
  assert.equal(heard[1]?.headers["if-none-match"], '"e-a/b"');
  assert.equal(await flights.get("x"), null);
  await assert.rejects(flights.get("x"), { name: "WasmillError", status: 404 });
});

test("documents are counted, and asked for by their keys", async (t) => {
  const left = [{ id: "b" }];
  const answers = [{ documents: [found("a", 0.1)], unprocessed_keys: left }, { documents: [null] }, { documents: [null] }];
  const { url, heard } = await serve(t, json({ count: 3 }), ...answers.map((of) => json({ unprocessed_keys: [], ...of })));
  const flights = new Wasmill({ url }).collection<Flight>("flights");
  assert.equal(await flights.count({ where: [["risk", ">", 0]] }), 3);
  const documents = await flights.batchGet([{ id: "a", partitionKey: "EWR" }, { id: "b" }]);
  assert.deepEqual(documents.map((of) => of?.id), ["a", undefined]);
  assert.deepEqual(JSON.parse(heard[1]?.body ?? ""), { keys: [{ id: "a", partition_key: "EWR" }, { id: "b" }] });
  assert.deepEqual(JSON.parse(heard[2]?.body ?? ""), { keys: left });
  // A URL cannot end in `/..`.
  assert.equal(await flights.get(".."), null);
  assert.equal(heard[3]?.method, "POST");
});

test("changes are asked for once", async (t) => {
  const deleted = { id: "a", partition_key: "", version: "2", deleted: true, etag: null, body: null };
  const { url, heard } = await serve(t, json({ changes: [deleted], next: "n", has_more: false }));
  const { changes, next } = await new Wasmill({ url }).collection("flights").changes({ since: "s", wait: 5 });
  assert.deepEqual(changes, [{ id: "a", partitionKey: "", version: "2", deleted: true, etag: null, body: null }]);
  assert.equal(next, "n");
  assert.equal(heard[0]?.url.search, "?since=s&wait=5");
});

test("what fails for a while is sent again", async (t) => {
  const cut = (_: unknown, response: { destroy(): void }) => response.destroy();
  const { url, heard } = await serve(t, cut, refusal(503, "the document database does not answer"), json({ documents: [null] }));
  assert.deepEqual(await new Wasmill({ url }).collection("flights").batchGet([{ id: "a" }]), [null]);
  assert.deepEqual(heard.map(({ body }) => body), Array(3).fill('{"keys":[{"id":"a"}]}'));
});

test("a server that has too much to do says when to come again", async (t) => {
  const { url, heard } = await serve(t, refusal(429, "more than 1 requests a second", { "Retry-After": "1" }), json({ count: 1 }));
  const before = Date.now();
  assert.equal(await new Wasmill({ url }).collection("flights").count(), 1);
  assert.ok(Date.now() - before >= 1000);
  assert.equal(heard.length, 2);
});

test("an error has the server's status and words", async (t) => {
  const message = "`where`: `a..b` is not a field\nhint: it is like `risk`";
  const { url, heard } = await serve(t, refusal(400, message), refusal(429, "slower", { "Retry-After": "3600" }));
  const flights = new Wasmill({ url }).collection("flights");
  await assert.rejects(flights.count(), (err: WasmillError) => err.status === 400 && err.message === message && !err.isTemporary);
  assert.equal(heard.length, 1);
  await assert.rejects(flights.count(), (err: WasmillError) => err.status === 429 && err.retryAfter === 3600 && err.isTemporary);
  assert.equal(heard.length, 2);
});

test("a request is given up when its signal says so", async (t) => {
  const { url } = await serve(t, () => {});
  const stop = new AbortController();
  const asked = new Wasmill({ url }).collection("flights").count({ signal: stop.signal });
  stop.abort();
  await assert.rejects(asked, { name: "AbortError" });
});

test("a server that is not there is an error without status", async () => {
  const flights = new Wasmill({ url: "http://127.0.0.1:1", retries: 0 }).collection("flights");
  await assert.rejects(flights.count(), { name: "WasmillError", status: 0 });
});
