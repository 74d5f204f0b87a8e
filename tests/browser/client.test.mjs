// The client for TypeScript on a real server.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";

import { env, program, Server } from "./harness.mjs";

let server;
let flights;

before(async () => {
  const { Wasmill } = await import(pathToFileURL(join(env("WASMILL_CLIENT"), "dist/index.js")));
  server = await Server.make(env("WASMILL_PIPELINE"));
  await server.start();
  flights = new Wasmill({ url: server.url }).collection("flights");
});

after(() => server?.remove());

/** Follows until `is` is true of the bodies that are there; then those, by their ids. */
async function follow(options, is) {
  const bodies = new Map();
  const onAnew = () => {
    bodies.clear();
    options.onAnew?.();
  };
  for await (const change of flights.follow({ ...options, onAnew })) {
    if (change.deleted) bodies.delete(change.id);
    else bodies.set(change.id, change.body);
    if (is(bodies)) break;
  }
  return bodies;
}

async function all(options) {
  const bodies = new Map();
  for await (const { id, body } of flights.query(options)) bodies.set(id, body);
  return bodies;
}

test("the client is made of what the program says of itself, and a server of a part of it", async () => {
  const here = JSON.parse(await readFile(join(env("WASMILL_CLIENT"), "openapi.json"), "utf8"));
  const whole = JSON.parse(await program(["schema", "--openapi"]));
  assert.deepEqual(here, whole, "hint: `wasmill schema --openapi` into clients/typescript/openapi.json, and `npm run generate` there");
  // This server has documents and no tables.
  const there = await (await fetch(`${server.url}/v1/openapi.json`)).json();
  const paths = Object.entries(whole.paths).filter(([path]) => path.startsWith("/v1/collections"));
  assert.equal(paths.length, 6);
  assert.deepEqual(there, { ...whole, paths: Object.fromEntries(paths) });
});

test("documents are asked for in every way", async () => {
  const where = [["flight_date", "=", "2013-01-31"], ["carrier.code", "!=", "UA"], ["risk", ">=", 0.3], ["flight", "<", 2000]];
  const few = await all({ where, partitionKey: "EWR", order: "-risk", limit: 7 });
  const many = await all({ partitionKey: "EWR", limit: 1000 });
  const isIt = (body) => body.flight_date === "2013-01-31" && body.carrier.code !== "UA" && body.risk >= 0.3 && body.flight < 2000;
  const expect = [...many].filter(([, body]) => isIt(body)).sort(([, a], [, b]) => b.risk - a.risk);
  assert.ok(few.size > 20);
  assert.deepEqual([...few.values()].map(({ risk }) => risk), expect.map(([, { risk }]) => risk));
  assert.deepEqual(new Set(few.keys()), new Set(expect.map(([id]) => id)));
  assert.equal(await flights.count({ where, partitionKey: "EWR" }), few.size);
  // The text is not the number.
  assert.equal(await flights.count({ where: [["flight", "=", String(expect[0][1].flight)]] }), 0);

  const [[id, body]] = few;
  const document = await flights.get(id, { partitionKey: "EWR" });
  assert.deepEqual(document.body, body);
  assert.equal(await flights.get(id, { partitionKey: "EWR", etag: document.etag }), "unchanged");
  assert.equal(await flights.get(id, { partitionKey: "JFK" }), null);
  assert.equal(await flights.get("a/b ü", { partitionKey: "JFK" }), null);
  assert.deepEqual(await flights.batchGet([{ id: "..", partitionKey: "EWR" }, { id, partitionKey: "EWR" }]), [null, document]);
  await assert.rejects(async () => await flights.query({ limit: 0 }), { name: "WasmillError", status: 400 });
  await assert.rejects(flights.changes({ since: "x" }), { name: "WasmillError", status: 400 });
});

test("no change is skipped, however often the server is killed", async () => {
  const moves = [0, 1, 2, 3].map((index) => server.early("LGA", index, 8));
  const states = [];
  const count = await flights.count({ partitionKey: "LGA" });
  const isMoved = (bodies) => bodies.size === count && moves.every(({ id, moved }) => bodies.get(id)?.departure.scheduled === moved);
  const before = new Map(await Promise.all(moves.map(async ({ id }) => [id, (await server.document(id)).body.departure.scheduled])));
  for (const move of moves) Object.assign(move, { csv: move.moved, moved: later(before.get(move.id), 8) });
  const following = follow({ partitionKey: "LGA", limit: 50, onState: (state) => states.push(state) }, isMoved);
  for (const { csv } of moves) {
    await server.put([csv]);
    await server.stop();
    await server.start();
  }
  const bodies = await following;
  assert.deepEqual(bodies, await all({ partitionKey: "LGA", limit: 1000 }));
  assert.ok(states.filter((state) => state === "live").length >= 2, states.join());
});

test("when another database takes the place of one, it begins anew", async () => {
  let anew = 0;
  let next;
  const isThere = new Promise((resolve) => (next = resolve));
  const following = follow({ onAnew: () => anew++ }, (bodies) => {
    if (anew === 0 && bodies.size === 100) next();
    return anew === 1 && bodies.size === 1;
  });
  await isThere;
  await server.stop();
  await rm(join(server.folder, ".wasmill"), { recursive: true });
  const { id, row } = server.early("JFK", 0, 1);
  await server.put([row]);
  await server.start();
  assert.deepEqual([...(await following).keys()], [id]);
});

function later(time, hours) {
  return new Date(Date.parse(time) + hours * 3_600_000).toISOString().replace(".000", "");
}
