// What the tests need: a server with two days of flights, the page, a browser.

import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";

import { chromium } from "playwright-core";

const FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

const ACCESS = `[access]
origins = ["*"]
[[access.read]]
collections = ["*"]
anyone = true
`;

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json" };

/** The value of a variable of the environment, which must be there. */
export function env(name) {
  const value = process.env[name];
  if (!value) throw new Error(`\`${name}\` is not set\nhint: tools/test-app.sh sets it`);
  return value;
}

/** What the program prints. */
export async function program(args) {
  return (await promisify(execFile)(env("WASMILL_PROGRAM"), args)).stdout;
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Serves the built page on a port of its own. */
export class Page {
  constructor(folder) {
    this.folder = folder;
  }

  async start() {
    this.port ??= await freePort();
    this.server = createServer(async (request, response) => {
      const path = new URL(request.url, "http://page").pathname;
      try {
        const file = join(this.folder, path.endsWith("/") ? `${path}index.html` : path);
        response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Cache-Control": "no-cache" });
        response.end(await readFile(file));
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise((listening) => this.server.listen(this.port, "127.0.0.1", listening));
    this.url = `http://127.0.0.1:${this.port}/`;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}

/** `wasmill up`, with the flights' pipeline in a folder of its own. */
export class Server {
  static async make(pipeline) {
    const server = new Server();
    server.folder = await mkdtemp(join(tmpdir(), "wasmill-browser-"));
    await cp(pipeline, server.folder, { recursive: true, filter: (path) => !/\/(app|k8s|\.wasmill|flights-2013-01\.csv\.gz)$/.test(path) });
    await writeFile(join(server.folder, "access.toml"), ACCESS);
    await mkdir(join(server.folder, "landed"));
    const csv = gunzipSync(await readFile(join(pipeline, "data/flights-2013-01.csv.gz"))).toString();
    const [header, ...rows] = csv.trimEnd().split("\n");
    server.header = header;
    server.rows = rows.filter((row) => /^2013,1,3[01],/.test(row));
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    await server.put(server.rows);
    return server;
  }

  /** Runs rows through the pipeline. */
  async put(rows) {
    this.files = (this.files ?? 0) + 1;
    const file = join(this.folder, "landed", `flights-${this.files}.csv`);
    await writeFile(file, `${[this.header, ...rows].join("\n")}\n`);
    const { code, said } = await finished(this.#spawn(["run", this.folder, file]));
    // 1: a row was rejected.
    if (code > 1) throw new Error(`wasmill run: ${said()}`);
  }

  async start() {
    const { child, said } = this.#spawn(["up", this.folder, "--addr", `127.0.0.1:${this.port}`, "--access", join(this.folder, "access.toml")]);
    this.child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`wasmill up: ${said()}`);
      try {
        if ((await fetch(`${this.url}/v1/openapi.json`)).ok) return;
      } catch {
        // Not yet.
      }
      await new Promise((later) => setTimeout(later, 50));
    }
  }

  /** Kills it, as a machine that goes away would. */
  async stop() {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((exit) => this.child.once("exit", exit));
    this.child.kill("SIGKILL");
    await exited;
  }

  async remove() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A row of the last day's flights from an airport, before ten o'clock, that can leave so many hours later. */
  early(origin, index, hours) {
    const columns = this.header.split(",");
    const at = (name) => columns.indexOf(name);
    const isOne = (row) =>
      row[at("day")] === "31" && row[at("origin")] === origin && row[at("dep_time")] !== "NA" && Number(row[at("sched_dep_time")]) < 1000 &&
      Number(row[at("sched_arr_time")]) > Number(row[at("sched_dep_time")]) && Number(row[at("sched_arr_time")]) < (24 - hours) * 100;
    const row = this.rows.map((row) => row.split(",")).filter(isOne)[index];
    const moved = [...row];
    for (const name of ["sched_dep_time", "sched_arr_time"]) moved[at(name)] = String(Number(row[at(name)]) + hours * 100);
    moved[at("hour")] = String(Number(row[at("hour")]) + hours);
    moved[at("time_hour")] = new Date(Date.parse(row[at("time_hour")]) + hours * 3_600_000).toISOString().replace(".000", "");
    const [carrier, flight] = [row[at("carrier")], row[at("flight")]];
    return { id: `2013-01-31-${carrier}${flight}-${origin}`, number: `${carrier} ${flight}`, row: row.join(","), moved: moved.join(",") };
  }

  async document(id) {
    const origin = id.slice(-3);
    return await (await fetch(`${this.url}/v1/collections/flights/documents/${id}?partition_key=${origin}`)).json();
  }

  #spawn(args) {
    const child = spawn(env("WASMILL_PROGRAM"), args, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (text = (text + part).slice(-4000)));
    return { child, said: () => text };
  }
}

async function finished({ child, said }) {
  const code = await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  return { code: code ?? 2, said };
}

export async function browser() {
  return await chromium.launch({ executablePath: env("CHROMIUM"), args: FLAGS.split(" ") });
}
