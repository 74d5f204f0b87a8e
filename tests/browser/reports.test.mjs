// The report page of `wasmill up`, on a real server: WASMILL_REPORTS_URL. WASMILL_REPORT_FILE is what `wasmill report`
// wrote; without it one is made of the server's answers. What the report has is asked, so any will do that has a tile of
// each kind, one of them with levels.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";

import {
  SCREENSHOTS, MARKS, SIZES, ask, at, base, choose, clickMark, column, file, home,
  isAccessible, isDrawn, of, open, questionOf, report, saved, shoot, start, stop,
} from "./reports-harness.mjs";

before(start);
after(stop);

for (const [size, options] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`on a ${size}, ${colorScheme}, everything can be read by everyone, and nothing moves`, async (t) => {
      const { tab, errors, asked } = await open(t, { ...options, colorScheme }, "#/");
      await tab.getByRole("heading", { name: "Runs" }).waitFor();
      const { runs } = await ask("/v1/overview");
      await tab.getByRole("rowheader", { name: runs[0].event }).first().waitFor();
      await isAccessible(tab, "the overview");
      await shoot(tab, `${size}-${colorScheme}-overview`);

      await tab.getByRole("link", { name: report.title }).click();
      await tab.getByRole("heading", { name: report.title }).waitFor();
      await isDrawn(tab);
      await isAccessible(tab, "a report");
      await shoot(tab, `${size}-${colorScheme}-report`);
      for (const { title, kind } of report.filters) {
        await tab.locator(".filters").getByRole("button", { name: new RegExp(`^${title} `) }).click();
        await tab.locator(".panel").getByText(kind === "date" ? "Last 7 days" : "All").first().waitFor();
        await isAccessible(tab, `the filter ${title}`, ".filters");
        await tab.keyboard.press("Escape");
        await tab.locator(".panel").waitFor({ state: "detached" });
      }

      const isWide = () => tab.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
      assert.equal(await isWide(), false, "nothing is beside the screen");
      assert.deepEqual(errors, []);
      assert.deepEqual([...new Set(asked.map(({ url }) => new URL(url)).filter(({ protocol }) => protocol === "http:").map(({ origin }) => origin))], [base], "nothing is loaded from elsewhere");
      assert.ok((await tab.evaluate(() => window.shift)) < 0.01, "nothing moves");
    });
  }
}

test("the tiles show what the server answers", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  for (const tile of report.tiles) {
    const { rows } = await ask("/v1/query", questionOf(tile));
    if (tile.kind === "kpi") {
      const figure = await at(tab, tile).getByTestId("figure").textContent();
      assert.match(figure, /\d/, tile.title);
    } else if (tile.kind === "table") {
      assert.equal(await at(tab, tile).getByRole("table").getAttribute("aria-rowcount"), String(rows.length + 1));
    } else if (tile.kind === "map") {
      const count = await at(tab, tile).locator(MARKS).count();
      assert.ok(count > 0 && count <= rows.length, tile.title);
    } else {
      assert.equal(await at(tab, tile).locator(MARKS).count(), rows.length * tile.measures.length, tile.title);
    }
  }
  assert.deepEqual(errors, []);
});

test("a click filters the other tiles, the link keeps it, and it is taken back", async (t) => {
  const { tab, asked, errors } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  const tile = of("bar", ({ drill = [], series }) => drill.length === 0 && !series) ?? of("bar", ({ drill = [] }) => drill.length === 0) ?? of("map");
  const kpi = of("kpi");
  const whole = await at(tab, kpi).getByTestId("figure").textContent();
  asked.length = 0;
  await clickMark(tab, tile);
  await tab.locator(".chip").first().waitFor();
  await isDrawn(tab);
  const part = await at(tab, kpi).getByTestId("figure").textContent();
  assert.notEqual(part, whole);
  const bodies = asked.filter(({ url }) => url.endsWith("/v1/query")).map(({ body }) => JSON.stringify(body));
  assert.ok(bodies.length > 0);
  await isAccessible(tab, "a report with a chip");
  await shoot(tab, "desktop-light-filtered");

  const url = tab.url();
  await tab.reload();
  await isDrawn(tab);
  assert.equal(tab.url(), url);
  assert.equal(await at(tab, kpi).getByTestId("figure").textContent(), part);
  await tab.locator(".chip").first().click();
  await tab.waitForFunction(([id, whole]) => document.querySelector(`[data-tile="${id}"] [data-testid=figure]`)?.textContent === whole, [kpi.id, whole]);
  await tab.goBack();
  await tab.locator(".chip").first().waitFor();
  assert.deepEqual(errors, []);
});

test("a tile goes down its levels, and up by its breadcrumbs", async (t) => {
  const { tab, asked, errors } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  const tile = report.tiles.find(({ drill = [] }) => drill.length > 1);
  const { columns, rows } = await ask("/v1/query", questionOf(tile));
  const value = rows[0][columns.findIndex(({ name }) => name === column(tile.drill[0]))];
  asked.length = 0;
  await clickMark(tab, tile);
  await at(tab, tile).getByRole("button", { name: new RegExp(`: ${value}$`) }).waitFor();
  await isDrawn(tab);
  const down = asked.map(({ body }) => body).find((body) => body?.dimensions[0] === tile.drill[1] && JSON.stringify(body.measures) === JSON.stringify(tile.measures));
  assert.deepEqual(down.filters.find(({ name }) => name === tile.drill[0]), { name: tile.drill[0], operator: "equals", values: [value] });
  await tab.reload();
  await isDrawn(tab);
  await shoot(tab, "desktop-light-drill");
  await at(tab, tile).getByRole("button", { name: new RegExp(`: ${value}$`) }).click();
  await tab.locator(".chip").waitFor({ state: "detached" });
  assert.ok(!tab.url().includes("drill"));
  assert.deepEqual(errors, []);
});

test("filters are asked, kept in the link, and stepped", async (t) => {
  const { tab, asked } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  const { title, dimension } = report.filters.find(({ kind }) => kind === "string");
  await tab.getByRole("button", { name: new RegExp(`^${title} All`) }).click();
  const option = tab.locator(".options label").first();
  const value = (await option.textContent()).trim();
  await tab.getByLabel(`Search ${title}`).fill(value.toLowerCase());
  asked.length = 0;
  await option.click();
  await tab.keyboard.press("Escape");
  await tab.getByRole("button", { name: new RegExp(`^${title} ${value}`) }).waitFor();
  await isDrawn(tab);
  const about = asked.filter(({ body }) => body?.filters?.some(({ name, values }) => name === dimension && values.includes(value)));
  assert.ok(about.length >= report.tiles.length, "each tile asks anew");
  await tab.reload();
  await tab.getByRole("button", { name: new RegExp(`^${title} ${value}`) }).waitFor();
  const date = report.filters.find(({ kind }) => kind === "date");
  if (date?.default?.from) {
    asked.length = 0;
    await tab.getByRole("button", { name: `${date.title}: the days before` }).click();
    await isDrawn(tab);
    assert.ok(asked.some(({ body }) => body?.time_range?.before === date.default.from));
    assert.match(tab.url(), /date\./);
  }
  await tab.getByRole("button", { name: "Reset filters" }).click();
  await tab.getByRole("button", { name: new RegExp(`^${title} All`) }).waitFor();
});

test("what is not needed any more is not waited for", async (t) => {
  const { tab } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  const aborted = [];
  tab.on("requestfailed", (request) => aborted.push(request.failure()?.errorText));
  let isSlow = true;
  await tab.route("**/v1/query", async (route) => {
    if (isSlow) await new Promise((later) => setTimeout(later, 1500));
    await route.continue().catch(() => {});
  });
  const kpi = of("kpi");
  const whole = await at(tab, kpi).getByTestId("figure").textContent();
  await clickMark(tab, of("bar", ({ drill = [] }) => drill.length === 0) ?? of("map"));
  await tab.locator("[data-tile][aria-busy=true]").first().waitFor();
  isSlow = false;
  for (let left = await tab.locator(".chip").count(); left > 0; left--) await tab.locator(".chip").first().click();
  await isDrawn(tab);
  assert.ok(aborted.length > 0 && aborted.every((text) => text === "net::ERR_ABORTED"), aborted.join());
  assert.equal(await at(tab, kpi).getByTestId("figure").textContent(), whole);
});

test("numbers and days are written as the reader's language has them", async (t) => {
  const { tab } = await open(t, { ...SIZES.desktop, locale: "de-DE" }, "#/");
  const { runs } = await ask("/v1/overview");
  const run = runs.find(({ rows_in }) => rows_in >= 1000);
  await tab.getByRole("cell", { name: run.rows_in.toLocaleString("de-DE"), exact: true }).first().waitFor();
});

test("what a tile shows is saved as CSV, and a chart as a picture", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  const table = of("table");
  const { columns, rows } = await ask("/v1/query", questionOf(table));
  const { name, bytes } = await saved(tab, () => choose(tab, table, "Save as CSV"));
  assert.match(name, /\.csv$/);
  const lines = bytes.toString("utf8").replace(/^\uFEFF/, "").trimEnd().split("\r\n");
  assert.equal(lines.length, rows.length + 1);
  assert.equal(lines[0], columns.map(({ title, name }) => title ?? name).join(","));
  assert.equal(lines[1], rows[0].map((value) => value ?? "").join(","));
  for (const kind of ["line", "bar", "map"]) {
    if (!of(kind)) continue;
    const picture = await saved(tab, () => choose(tab, of(kind), "Save as PNG"));
    assert.match(picture.name, /\.png$/);
    assert.equal(picture.bytes.subarray(1, 4).toString(), "PNG");
    assert.ok(picture.bytes.length > 5000, kind);
    if (SCREENSHOTS) await writeFile(join(SCREENSHOTS, `reports-saved-${kind}.png`), picture.bytes);
  }
  assert.deepEqual(errors, []);
});

test("a tile is filtered by and sorted by the keyboard alone", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop, home());
  await isDrawn(tab);
  const tile = of("bar", ({ drill = [] }) => drill.length === 0) ?? of("bar");
  const tabTo = async (is, most = 80) => {
    for (let presses = 0; presses < most; presses++) {
      await tab.keyboard.press("Tab");
      const { text, isSeen } = await tab.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return { text: element.getAttribute("aria-label") ?? element.textContent, isSeen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 1 };
      });
      assert.ok(isSeen, `the focus is seen on ${text}`);
      if (is(text)) return;
    }
    assert.fail("it is not reached");
  };
  await tabTo((text) => text === "Skip to the content");
  await tabTo((text) => text === `${tile.title}: menu`);
  await tab.keyboard.press("Enter");
  await tab.keyboard.press("Enter");
  await at(tab, tile).getByRole("table").waitFor();
  const first = await at(tab, tile).locator("tbody button").first().textContent();
  await tabTo((text) => text === first);
  await tab.keyboard.press("ArrowDown");
  const second = await at(tab, tile).locator("tbody button").nth(1).textContent();
  await tab.waitForFunction((text) => document.activeElement.textContent === text, second);
  await tab.keyboard.press("Enter");
  await tab.locator(".chip", { hasText: second }).waitFor();
  assert.match(await tab.getByTestId("said").textContent(), /^The other tiles show /);
  await isDrawn(tab);
  await isAccessible(tab, "a chart as a table");

  const table = of("table");
  const measure = table.measures.at(-1);
  const header = at(tab, table).locator("thead button").last();
  await header.focus();
  await tab.keyboard.press("Enter");
  await at(tab, table).locator("th[aria-sort=descending]").waitFor();
  assert.ok(tab.url().includes(`sort.${table.id}=-${measure}`));
  assert.deepEqual(errors, []);
});

test("measures are explored, and the SQL is shown", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop, "#/explore");
  const { measures, dimensions } = await ask("/v1/model");
  const [measure, dimension] = [measures[0], dimensions.find(({ kind }) => kind === "string")];
  await tab.getByRole("group", { name: "Measures" }).getByLabel(measure.title ?? measure.name).first().check();
  await tab.getByRole("group", { name: "By" }).getByLabel(dimension.title ?? dimension.name).first().check();
  await tab.locator(".chart svg").waitFor();
  await tab.getByText("SQL", { exact: true }).last().click();
  assert.match(await tab.locator(".sql pre").textContent(), /SELECT/);
  await isAccessible(tab, "the measure explorer");
  await shoot(tab, "desktop-light-explore");
  await tab.getByRole("combobox", { name: /^Chart/ }).selectOption("table");
  await tab.getByRole("table").waitFor();
  await tab.reload();
  await tab.getByRole("table").waitFor();
  assert.deepEqual(errors, []);
});

test("SQL is typed, run by keys, and its many rows scroll", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop, "#/sql");
  const sql = process.env.WASMILL_REPORTS_SQL ?? "SELECT * FROM flights";
  await tab.getByRole("combobox", { name: /^At most/ }).selectOption("100000");
  await tab.getByRole("textbox", { name: "SQL" }).fill(sql);
  await tab.keyboard.press("Control+Enter");
  const table = tab.getByRole("table");
  await table.waitFor();
  const count = Number(await table.getAttribute("aria-rowcount")) - 1;
  assert.ok((await tab.locator("tbody tr").count()) < 100, "only what is seen is there");
  const grid = tab.getByRole("region", { name: "Rows" });
  const took = await grid.evaluate(async (element) => {
    const begin = performance.now();
    for (let part = 1; part <= 20; part++) {
      element.scrollTop = (element.scrollHeight * part) / 20;
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    }
    return performance.now() - begin;
  });
  await tab.locator(`tr[aria-rowindex="${count + 1}"]`).waitFor();
  assert.ok(took < 4000, `20 jumps through ${count} rows take ${took} ms`);
  await grid.evaluate((element) => element.scrollTo(0, 0));
  await tab.getByRole("combobox", { name: /^Chart/ }).selectOption("bar");
  await tab.locator(".chart svg").waitFor();
  await isAccessible(tab, "SQL");
  await shoot(tab, "desktop-light-sql");
  await tab.reload();
  assert.equal(await tab.getByRole("textbox", { name: "SQL" }).inputValue(), sql);
  assert.equal(await tab.getByRole("table").count(), 0, "a link does not run SQL by itself");
  assert.deepEqual(errors, []);
});

test("a refusal is told with its hint, and can be tried again", async (t) => {
  const { tab } = await open(t, SIZES.desktop);
  const problem = { error: "there is no measure `x`\nhint: the measures are `flights`" };
  let isBroken = true;
  await tab.route("**/v1/query", (route) => (isBroken ? route.fulfill({ status: 400, contentType: "application/json", body: JSON.stringify(problem) }) : route.continue()));
  await tab.goto(`${base}/reports${home()}`);
  const first = at(tab, report.tiles[0]);
  await first.getByText("there is no measure").waitFor();
  await first.getByText("Hint: the measures are").waitFor();
  await isAccessible(tab, "tiles that were refused");
  isBroken = false;
  await first.getByRole("button", { name: "Try again" }).click();
  await first.locator("[data-testid=figure], .chart svg, .grid").first().waitFor();
});

test("a key is asked for, and sent", async (t) => {
  const { tab } = await open(t, SIZES.desktop);
  const keys = [];
  await tab.route("**/v1/**", (route) => {
    const key = route.request().headers().authorization;
    keys.push(key);
    const { authorization: _, ...headers } = route.request().headers();
    if (key === "Bearer secret") return route.continue({ headers });
    return route.fulfill({ status: 401, contentType: "application/json", body: JSON.stringify({ error: "a key is needed" }) });
  });
  await tab.goto(`${base}/reports#/`);
  await tab.reload();
  await tab.getByRole("dialog").waitFor();
  await isAccessible(tab, "the question for a key");
  await tab.getByLabel("Key", { exact: true }).fill("secret");
  await tab.getByRole("button", { name: "Use it" }).click();
  await tab.getByRole("link", { name: report.title }).waitFor();
  await tab.getByRole("heading", { name: "Runs" }).waitFor();
  await tab.reload();
  await tab.getByRole("link", { name: report.title }).waitFor();
  assert.equal(await tab.getByRole("dialog").count(), 0);
});

test("light and dark can be chosen, and what is printed is light", async (t) => {
  const { tab } = await open(t, { ...SIZES.desktop, colorScheme: "light" }, home());
  await isDrawn(tab);
  const background = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await tab.getByRole("button", { name: "Use dark colours" }).click();
  const dark = await background();
  assert.notEqual(dark, light);
  await tab.reload();
  await isDrawn(tab);
  assert.equal(await background(), dark);
  await tab.emulateMedia({ media: "print" });
  assert.equal(await background(), "rgb(255, 255, 255)");
  assert.equal(await tab.locator(".filters").isVisible(), false);
  assert.equal(await tab.getByRole("button", { name: /: menu$/ }).count(), 0);
  await shoot(tab, "print");
  const pdf = await tab.pdf({ format: "A4", printBackground: true });
  assert.ok(pdf.length > 20_000);
  if (SCREENSHOTS) await writeFile(join(SCREENSHOTS, "reports-print.pdf"), pdf);
});

test("a report that was saved opens from a disk, without any network", async (t) => {
  const { tab, context, errors, asked } = await open(t, { ...SIZES.desktop, offline: true }, "", pathToFileURL(file).href);
  await context.route("**/*", (route) => (route.request().url().startsWith("file:") ? route.continue() : route.abort()));
  await isDrawn(tab);
  await tab.getByRole("heading", { name: report.title }).waitFor();
  await tab.getByText(/^As of /).waitFor();
  for (const button of await tab.locator(".filters button").all()) assert.ok(await button.isDisabled());
  const table = of("table");
  const numbers = async () => (await at(tab, table).locator("tbody tr td:last-child").allTextContents()).map((text) => Number(text.replace(/[^\d.-]/g, "")));
  await at(tab, table).locator("thead button").last().click();
  await at(tab, table).locator("th[aria-sort=descending]").waitFor();
  const shown = (await numbers()).filter((value) => !Number.isNaN(value));
  assert.deepEqual(shown, [...shown].sort((a, b) => b - a));
  const { bytes } = await saved(tab, () => choose(tab, table, "Save as CSV"));
  assert.ok(bytes.length > 100);
  if (of("map")) assert.ok((await saved(tab, () => choose(tab, of("map"), "Save as PNG"))).bytes.length > 5000);
  await isAccessible(tab, "a saved report");
  await shoot(tab, "file");
  assert.deepEqual(asked.map(({ url }) => url).filter((url) => !/^(file|blob|data):/.test(url)), []);
  assert.deepEqual(errors, []);
});
