import assert from "node:assert/strict";
import { test } from "node:test";

import { type Change, type FollowOptions, type State, Wasmill } from "../src/index.js";
import { Events } from "../src/events.js";
import { type Answer, changed, json, refusal, serve, stream } from "./server.js";

interface Flight {
  risk: number;
}

/** Follows until so many changes came; what came, and what was told meanwhile. */
async function follow(url: string, count: number, options: FollowOptions = {}) {
  const states: State[] = [];
  const changes: Change<Flight>[] = [];
  const stop = new AbortController();
  const flights = new Wasmill({ url }).collection<Flight>("flights");
  for await (const change of flights.follow({ onState: (state) => states.push(state), signal: stop.signal, ...options })) {
    changes.push(change);
    if (changes.length === count) stop.abort();
  }
  return { changes, states, ids: changes.map(({ id }) => id) };
}

test("changes come with what to resume by", async (t) => {
  const { url, heard } = await serve(t, stream(changed("a", 0.5) + changed("b", null, "t1")));
  const { changes, states } = await follow(url, 2, { since: "t0", partitionKey: "EWR" });
  assert.deepEqual(changes, [
    { id: "a", partitionKey: "EWR", version: "1", deleted: false, etag: "e", body: { risk: 0.5 } },
    { id: "b", partitionKey: "EWR", version: "1", deleted: true, etag: null, body: null, token: "t1" },
  ]);
  assert.deepEqual(states, ["connecting", "live"]);
  assert.equal(heard[0]?.headers.accept, "text/event-stream");
  assert.equal(heard[0]?.url.search, "?since=t0&partition_key=EWR");
});

test("after a cut in the middle of an event it goes on from the last token", async (t) => {
  const half = changed("c", 0.7, "t2").slice(0, -12);
  const { url, heard } = await serve(
    t,
    stream(changed("a", 0.5, "t1") + changed("b", 0.6) + half, "cut"),
    stream(changed("b", 0.6) + changed("c", 0.7, "t2")),
  );
  const { ids, states } = await follow(url, 4);
  // `b` came without a token, and so it comes again.
  assert.deepEqual(ids, ["a", "b", "b", "c"]);
  assert.deepEqual(heard.map(({ url }) => url.searchParams.get("since")), [null, "t1"]);
  assert.deepEqual(states, ["connecting", "live", "connecting", "live"]);
});

test("a cut in the middle of a line, even of the last, loses the event only", async (t) => {
  const whole = changed("b", 0.6, "t2");
  for (const at of [whole.length - 1, whole.length - 2, whole.indexOf("id:") + 3, whole.indexOf("data:")]) {
    const { url, heard } = await serve(t, stream(changed("a", 0.5, "t1") + whole.slice(0, at), "cut"), stream(whole));
    const { ids } = await follow(url, 2);
    assert.deepEqual(ids, ["a", "b"], `cut at ${at}`);
    assert.equal(heard[1]?.url.searchParams.get("since"), "t1", `cut at ${at}`);
  }
});

test("a heartbeat moves on where it resumes", async (t) => {
  const { url, heard } = await serve(t, stream(`${changed("a", 0.5, "t1")}id: t2\n: still here\n\n`, "end"), stream(changed("b", 0.6, "t3")));
  await follow(url, 2);
  assert.equal(heard[1]?.url.searchParams.get("since"), "t2");
});

test("now is when it was asked for first", async (t) => {
  const { url, heard } = await serve(t, json({ changes: [], next: "t0", has_more: false }), stream("", "cut"), stream(changed("a", 0.5, "t1")));
  await follow(url, 1, { since: "now", partitionKey: "EWR" });
  assert.deepEqual(heard.map(({ url }) => url.searchParams.get("since")), ["now", "t0", "t0"]);
});

test("a token of a database that was put back is told, and it begins anew", async (t) => {
  const { url, heard } = await serve(t, stream(changed("a", 0.5, "t9"), "end"), refusal(410, "the changes are not there any more"), stream(changed("a", 0.4, "t1")));
  let anew = 0;
  const { ids } = await follow(url, 2, { since: "t8", onAnew: () => anew++ });
  assert.deepEqual(ids, ["a", "a"]);
  assert.equal(anew, 1);
  assert.deepEqual(heard.map(({ url }) => url.searchParams.get("since")), ["t8", "t9", null]);
});

test("a token of a database that another took the place of is the same", async (t) => {
  const unknown = refusal(400, "the token was not given for this request");
  const { url, heard } = await serve(t, stream(changed("a", 0.5, "t9"), "end"), unknown, stream(changed("a", 0.4, "t1")));
  let anew = 0;
  const { ids } = await follow(url, 2, { onAnew: () => anew++ });
  assert.deepEqual(ids, ["a", "a"]);
  assert.equal(anew, 1);
  assert.deepEqual(heard.map(({ url }) => url.searchParams.get("since")), [null, "t9", null]);
  // But not one that the server never gave.
  const { url: other } = await serve(t, unknown);
  await assert.rejects(follow(other, 1, { since: "t0" }), { name: "WasmillError", status: 400 });
});

test("a server that has too much to do is asked again when it says", async (t) => {
  const { url, heard } = await serve(t, refusal(429, "slower", { "Retry-After": "1" }), stream(changed("a", 0.5, "t1")));
  const before = Date.now();
  const { states } = await follow(url, 1);
  assert.ok(Date.now() - before >= 1000);
  assert.equal(heard.length, 2);
  assert.deepEqual(states, ["connecting", "offline", "live"]);
});

test("a server that is away for a while is waited for", async (t) => {
  const away: Answer = (_, response) => void response.destroy();
  const { url } = await serve(t, stream(changed("a", 0.5, "t1"), "cut"), away, refusal(503, "later"), stream(changed("b", 0.6, "t2")));
  const { ids, states } = await follow(url, 2);
  assert.deepEqual(ids, ["a", "b"]);
  assert.deepEqual(states, ["connecting", "live", "connecting", "offline", "live"]);
});

test("a connection that is silent is made anew", async (t) => {
  const { url, heard } = await serve(t, stream(changed("a", 0.5, "t1"), "stay"), () => {}, stream(changed("b", 0.6, "t2")));
  const { ids, states } = await follow(url, 2, { silence: 200 });
  assert.deepEqual(ids, ["a", "b"]);
  assert.equal(heard.length, 3);
  assert.deepEqual(states, ["connecting", "live", "connecting", "offline", "live"]);
});

test("what is not JSON is not a change, and not the end", async (t) => {
  const { url, heard } = await serve(t, stream("event: change\ndata: {\nid: t1\n\n"), stream(changed("a", 0.5, "t1")));
  assert.deepEqual((await follow(url, 1)).ids, ["a"]);
  assert.equal(heard[1]?.url.searchParams.get("since"), null);
});

test("what time does not mend is thrown", async (t) => {
  const { url } = await serve(t, stream(changed("a", 0.5, "t1"), "end"), refusal(401, "the key is not known"));
  await assert.rejects(follow(url, 2), { name: "WasmillError", status: 401, message: "the key is not known" });
});

test("whoever stops reading closes the connection", async (t) => {
  let closed: () => void = () => {};
  const isClosed = new Promise<void>((resolve) => (closed = resolve));
  const { url } = await serve(t, async (request, response) => {
    response.on("close", closed);
    await stream(changed("a", 0.5, "t1"))(request, response);
  });
  for await (const _ of new Wasmill({ url }).collection("flights").follow()) break;
  await isClosed;
});

test("events come of bytes however they are cut", () => {
  const text = `: hello\n\nevent: change\ndata: {"city":"Zürich"}\nid: 1\n\nid: 2\n: still here\n\r\ndata: a\ndata: b\nid:\n\n`;
  const bytes = new TextEncoder().encode(text);
  const expect = [
    { event: "change", data: '{"city":"Zürich"}', id: "1" },
    { event: undefined, data: undefined, id: "2" },
    { event: undefined, data: "a\nb", id: "" },
  ];
  for (let size = 1; size <= bytes.length; size++) {
    const events = new Events();
    const got = [];
    for (let at = 0; at < bytes.length; at += size) got.push(...events.push(bytes.subarray(at, at + size)));
    assert.deepEqual(got, expect, `${size} bytes at a time`);
  }
});
