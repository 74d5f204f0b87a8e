// What the tests of the report page need: a page that is open, and its tiles.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { AxeBuilder } from "@axe-core/playwright";

import { browser, env } from "./harness.mjs";

export const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 900 } },
};
export const SCREENSHOTS = process.env.WASMILL_SCREENSHOTS;
export const MARKS = "path[aria-roledescription]";

let chromium;
let folder;
/** Where the server is. */
export let base;
/** Its first report. */
export let report;
/** One that was saved. */
export let file;

export async function start() {
  base = env("WASMILL_REPORTS_URL").replace(/\/$/, "");
  const { reports } = await ask("/v1/reports");
  report = await ask(`/v1/reports/${reports[0].id}`);
  folder = await mkdtemp(join(tmpdir(), "wasmill-reports-"));
  file = process.env.WASMILL_REPORT_FILE || (await savedReport());
  chromium = await browser();
  if (SCREENSHOTS) await mkdir(SCREENSHOTS, { recursive: true });
}

export async function stop() {
  await chromium?.close();
  if (folder) await rm(folder, { recursive: true });
}

export async function ask(path, body) {
  const request = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const response = await fetch(`${base}${path}`, request);
  assert.ok(response.ok, `${path}: ${response.status}`);
  return await response.json();
}

/** What a tile asks as long as nobody has touched its report. */
export function questionOf({ measures, dimensions = [], series, latitude, longitude, filters = [], order, limit }) {
  const query = { measures, dimensions: [...new Set([...dimensions, series, latitude, longitude].filter(Boolean))], filters: [...filters] };
  for (const { dimension, kind, default: common } of report.filters) {
    if (kind === "date" || kind === "timestamp") query.time_range ??= { dimension, from: common?.from ?? null, before: common?.before ?? null };
    else if (common?.length) query.filters.push({ name: dimension, operator: "equals", values: common });
  }
  if (!query.time_range?.from && !query.time_range?.before) delete query.time_range;
  return { ...query, ...(order ? { order } : {}), ...(limit ? { limit } : {}) };
}

async function savedReport() {
  const results = {};
  for (const tile of report.tiles) results[tile.id] = await ask("/v1/query", questionOf(tile));
  const data = JSON.stringify({ report, model: await ask("/v1/model"), results, made: "2026-01-31T12:00:00Z" }).replaceAll("<", "\\u003c");
  const page = await (await fetch(`${base}/reports`)).text();
  const path = join(folder, "report.html");
  await writeFile(path, page.replace("<!--wasmill-report-->", () => `<script type="application/json" id="wasmill-report">${data}</script>`));
  return path;
}

/** Opens the page in a browser profile of its own; what it says, asks and moves is recorded. */
export async function open(t, options, hash = "", url = `${base}/reports`) {
  const context = await chromium.newContext({ ...options, acceptDownloads: true });
  t.after(() => context.close());
  await context.addInitScript(() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  const tab = await context.newPage();
  tab.setDefaultTimeout(10_000);
  const errors = [];
  const asked = [];
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  tab.on("pageerror", (err) => errors.push(String(err)));
  tab.on("request", (request) => asked.push({ url: request.url(), body: request.postDataJSON() }));
  await tab.goto(`${url}${hash}`);
  return { tab, context, errors, asked };
}

export const home = () => `#/report/${encodeURIComponent(report.id)}`;
export const of = (kind, is = () => true) => report.tiles.find((tile) => tile.kind === kind && is(tile));
export const column = (asked) => asked.replace(".", "_");
export const at = (tab, { id }) => tab.locator(`[data-tile="${id}"]`);

/** All that is asked is answered and drawn. */
export async function isDrawn(tab) {
  for (const tile of report.tiles) await at(tab, tile).locator("[data-testid=figure], .chart svg, .grid, .empty").first().waitFor();
  await tab.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
}

export async function shoot(tab, name, fullPage = true) {
  if (!SCREENSHOTS) return;
  await tab.evaluate(() => scrollTo(0, 0));
  await tab.screenshot({ path: join(SCREENSHOTS, `reports-${name}.png`), fullPage });
}

export async function isAccessible(tab, what, part = "body") {
  await tab.evaluate(() => document.getAnimations().forEach((animation) => animation.effect.getTiming().iterations === Infinity || animation.finish()));
  const { violations } = await new AxeBuilder({ page: tab }).include(part).analyze();
  const said = violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ target }) => target).join("; ")}`);
  assert.deepEqual(said, [], what);
}

/** Clicks in the middle of a mark, whatever hears it there. */
export async function clickMark(tab, tile, index = 0) {
  const mark = at(tab, tile).locator(MARKS).nth(index);
  await mark.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await mark.boundingBox();
  await tab.mouse.click(x + width / 2, y + height / 2);
}

export async function choose(tab, tile, words) {
  await at(tab, tile).getByRole("button", { name: `${tile.title}: menu` }).click();
  await at(tab, tile).getByRole("button", { name: words }).click();
}

export async function saved(tab, act) {
  const [download] = await Promise.all([tab.waitForEvent("download"), act()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}
