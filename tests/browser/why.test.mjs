// "Why?" in the report page, on a real server: WASMILL_REPORTS_URL, as of reports.test.mjs. What has causes is what the model
// says; which causes there are is up to the server, so what is done with them is tested with answers that are made up.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";

import { MARKS, SIZES, ask, at, choose, clickMark, column, file, home, isAccessible, isDrawn, of, open, questionOf, report, saved, shoot, start, stop } from "./reports-harness.mjs";

/** A line by day, and which of its measures has causes. */
let line;
let measure;
let model;

before(async () => {
  await start();
  model = await ask("/v1/model");
  line = of("line", (tile) => tile.dimensions[0].endsWith(".day") && !tile.series && explainedOf(tile));
  measure = explainedOf(line);
});
after(stop);

const explainedOf = ({ measures }) => measures.find((name) => model.measures.find((one) => one.name === name).explain);
const titleOf = (name) => [...model.dimensions, ...model.measures].find((one) => one.name === name).title;
const sheet = (tab) => tab.getByRole("dialog", { name: /^Why\?/ });
const asked = (all) => all.filter(({ url }) => url.endsWith("/v1/explain")).map(({ body }) => body);

async function isAnswered(tab) {
  await sheet(tab).waitFor();
  await sheet(tab).locator("[data-testid=headline], .trouble").first().waitFor();
  await tab.waitForFunction(() => !document.querySelector("dialog.why[aria-busy=true]"));
}

/** Right click on the mark of a measure of the last row; the row. */
async function askLast(tab, tile, name) {
  const { columns, rows } = await ask("/v1/query", questionOf(tile));
  const mark = at(tab, tile).locator(MARKS).nth((rows.length - 1) * tile.measures.length + tile.measures.indexOf(name));
  await mark.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await mark.boundingBox();
  await tab.mouse.click(x + width / 2, y + height / 2, { button: "right" });
  await at(tab, tile).getByRole("button", { name: `Why is ${titleOf(name)}` }).click();
  await isAnswered(tab);
  return (asked) => rows.at(-1)[columns.findIndex((one) => one.name === column(asked))];
}

const divider = (tab) => sheet(tab).getByRole("group", { name: "Divide the change by" });
const divided = (tab) => divider(tab).getByRole("button", { pressed: true }).textContent();

/** How the change divides is there, in numbers. */
async function isDivided(tab, { parts, causes }) {
  if (causes.length > 0) await sheet(tab).getByText("Where the change is").click();
  else await sheet(tab).getByRole("heading", { name: "Nothing stands out from chance" }).waitFor();
  const table = sheet(tab).locator("table.parts");
  await table.waitFor();
  const by = await table.locator("thead th").first().textContent();
  const { values } = parts.find(({ dimension }) => titleOf(dimension) === by);
  const rows = await table.locator("tbody tr:has(button)").allInnerTexts();
  assert.ok(rows.length > 0 && rows.length <= values.length, `${rows.length} of ${values.length} values`);
  assert.match(rows[0], /\t.*\d.*\t.*\d.*\t.*(\d%|times)\s*$/s);
  for (const row of rows) assert.match(row, /\t.*\t.*\t.*(\d%|–|times)\s*$/s);
  const steps = await sheet(tab).locator(`.where .of-waterfall ${MARKS}`).count();
  assert.ok(steps >= 3, `${steps} steps`);
  assert.equal(await sheet(tab).locator(".of-waterfall").count(), causes.length > 0 ? 2 : 1);
}

/** Answers with causes of two values, or none. */
async function makeUp(tab, hasCauses = true) {
  await tab.route("**/v1/explain", (route) => {
    const { measure, by, exclude = [] } = route.request().postDataJSON();
    const cause = (value, impact) => ({
      cause: { [by[0]]: value }, text: `${by[0]}=${value}`, layer: 1, actual: 0.5, expected: 0.2, impact, share: impact / 0.2,
      surprise: 0.1, leaves: 12, rows: 1234, confidence: 0.97, sentence: "",
    });
    const all = [cause("One", 0.15), cause(null, -0.03)].filter((one) => !exclude.some((other) => JSON.stringify(other) === JSON.stringify(one.cause)));
    const causes = hasCauses ? all.map((one, index) => ({ ...one, rank: index + 1 })) : [];
    const periods = [{ from: "2013-01-24", before: "2013-01-25" }];
    // A ratio: of the change of 0.2, the mix is 0.04.
    const value = (value, impact) => ({ value, actual: 0.5, expected: 0.2, impact, share: impact / 0.2, rows: 12 });
    const parts = by.map((dimension, at) => ({
      dimension, values: at === 1 ? [value("Most", 0.18), value("Less", -0.02)] : [value("One", 0.1), value(null, 0.05)], others: at === 1 ? 0 : 0.01,
    }));
    const rest = { parts, title: null, format: { style: "percent", decimals: 1 }, actual: 0.4, expected: 0.2, summary: "Everything moved alike.", by, periods, others: null };
    return route.fulfill({ contentType: "application/json", body: JSON.stringify({ measure, ...rest, causes }) });
  });
}

for (const [size, options] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`on a ${size}, ${colorScheme}, why a point is where it is can be read by everyone`, async (t) => {
      const { tab, errors, asked: all } = await open(t, { ...options, colorScheme }, home());
      await isDrawn(tab);
      const value = await askLast(tab, line, measure);
      const [body] = asked(all);
      assert.equal(body.measure, measure);
      assert.equal(body.time_range.from, value(line.dimensions[0]).slice(0, 10));
      assert.equal(Date.parse(body.time_range.before) - Date.parse(body.time_range.from), 86_400_000);
      const { from, before } = questionOf(line).time_range;
      assert.deepEqual(body.compare, { with: "rest", from, before });
      assert.ok(body.by.length > 0);

      const answer = await ask("/v1/explain", body);
      const headline = await tab.getByTestId("headline").textContent();
      assert.match(headline, /\d.* instead of .*\d/);
      assert.equal(await sheet(tab).locator(".causes > li").count(), answer.causes.length);
      const bars = await sheet(tab).locator(`.of-waterfall ${MARKS}`).count();
      assert.ok(bars >= answer.causes.length + 2, `${bars} bars`);
      assert.match(headline, /Compared with the mean of the other days shown: .*\d/);
      assert.deepEqual(answer.parts.map(({ dimension }) => dimension), answer.by);
      await isDivided(tab, answer);
      await isAccessible(tab, "the causes", "dialog.why");
      await shoot(tab, `${size}-${colorScheme}-why`, false);
      const isWide = await sheet(tab).evaluate((element) => element.scrollWidth > element.clientWidth);
      assert.equal(isWide, false, "nothing is beside the sheet");

      const first = await divided(tab);
      const names = await divider(tab).getByRole("button").allTextContents();
      assert.deepEqual(names, answer.by.map(titleOf));
      const other = names.find((name, at) => answer.parts[at].values.length > 0 && name !== first);
      await divider(tab).getByRole("button", { name: other, exact: true }).click();
      await sheet(tab).locator("table.parts thead th", { hasText: other }).first().waitFor();
      await tab.reload();
      await isAnswered(tab);
      assert.equal(await tab.getByTestId("headline").textContent(), headline);
      assert.equal(await divided(tab), other, "which dimension it is divided by is in the link");
      assert.equal(await sheet(tab).locator("table.parts thead th").first().textContent(), other);
      await tab.keyboard.press("Escape");
      await sheet(tab).waitFor({ state: "detached" });
      assert.ok(!tab.url().includes("why"));
      const focused = await tab.evaluate(() => document.activeElement.getAttribute("aria-label"));
      assert.equal(focused, `${line.title}: menu`);
      assert.deepEqual(errors, []);
    });
  }
}

test("a cause is left out and taken back, and goes into the report", async (t) => {
  const { tab, errors, asked: all } = await open(t, SIZES.desktop, home());
  await makeUp(tab);
  await isDrawn(tab);
  await askLast(tab, line, measure);
  await isAccessible(tab, "made-up causes", "dialog.why");
  await shoot(tab, "desktop-light-causes", false);
  assert.equal(await sheet(tab).locator("table.parts").count(), 0, "causes come first");
  assert.equal(await sheet(tab).locator(`.of-waterfall ${MARKS}`).count(), 5, "expected, two causes, everything else, actual");
  const { bytes } = await saved(tab, () => sheet(tab).getByRole("button", { name: "Save as CSV" }).click());
  assert.equal(bytes.toString("utf8").trimEnd().split("\r\n").length, 3);

  await sheet(tab).getByRole("button", { name: /^Leave out .*One$/ }).click();
  await sheet(tab).getByRole("list", { name: "Left out" }).waitFor();
  await isAnswered(tab);
  const { by, exclude } = asked(all).at(-1);
  assert.deepEqual(exclude, [{ [by[0]]: "One" }]);
  assert.equal(await sheet(tab).locator(".causes > li").count(), 1);
  await tab.reload();
  await isAnswered(tab);
  assert.deepEqual(asked(all).at(-1).exclude, exclude, "it is in the link");
  await sheet(tab).getByRole("button", { name: /^No longer leave out/ }).click();
  await sheet(tab).locator(".causes > li").nth(1).waitFor();
  assert.deepEqual(asked(all).at(-1).exclude, []);

  await sheet(tab).getByRole("button", { name: /^Show in report .*One$/ }).click();
  await sheet(tab).waitFor({ state: "detached" });
  await tab.locator(".chip", { hasText: "One" }).waitFor();
  await tab.goBack();
  await sheet(tab).waitFor();
  await tab.goBack();
  await tab.goBack();
  await tab.goBack();
  await sheet(tab).waitFor({ state: "detached" });
  assert.deepEqual(errors, []);
});

test("what it is compared with, and among what causes are, is chosen", async (t) => {
  const { tab, asked: all } = await open(t, SIZES.desktop, home());
  await makeUp(tab, false);
  await isDrawn(tab);
  const value = await askLast(tab, line, measure);
  await sheet(tab).getByRole("heading", { name: "Nothing stands out from chance" }).waitFor();
  await isAccessible(tab, "no causes", "dialog.why");
  assert.equal(await sheet(tab).getByLabel("Compared with").inputValue(), "rest");
  const begin = value(line.dimensions[0]).slice(0, 10);
  await sheet(tab).getByLabel("Compared with").selectOption("period");
  await isAnswered(tab);
  assert.deepEqual([asked(all).at(-1).compare.with, asked(all).at(-1).compare.before], ["period", begin]);
  await sheet(tab).getByLabel("Compared with").selectOption("year");
  await isAnswered(tab);
  assert.equal(asked(all).at(-1).compare.from.slice(4), begin.slice(4));
  const before = asked(all).at(-1).by;
  await sheet(tab).getByRole("button", { name: /^Causes among/ }).click();
  await sheet(tab).getByRole("checkbox", { checked: true }).first().uncheck();
  await isAnswered(tab);
  assert.deepEqual(asked(all).at(-1).by, before.slice(1));
  await isAccessible(tab, "the dimensions of causes", "dialog.why");
  await tab.keyboard.press("Escape");
  await sheet(tab).getByRole("checkbox").first().waitFor({ state: "detached" });
  assert.ok(await sheet(tab).isVisible(), "Escape closes what is open in the sheet, and the sheet after it");
  await tab.keyboard.press("Escape");
  await sheet(tab).waitFor({ state: "detached" });
});

test("where the change is can be asked by any dimension, and again within a value", async (t) => {
  const { tab, asked: all, errors } = await open(t, SIZES.desktop, home());
  await makeUp(tab, false);
  await isDrawn(tab);
  await askLast(tab, line, measure);
  const [first, second] = asked(all).at(-1).by;
  const steps = sheet(tab).locator(`.of-waterfall ${MARKS}`);
  assert.equal(await divided(tab), titleOf(second), "the one with the largest share");
  assert.equal(await steps.count(), 5, "expected, two values, the mix, actual");
  const rows = sheet(tab).locator("table.parts tbody tr");
  assert.deepEqual((await rows.allInnerTexts()).map((row) => row.split("\t").at(-1).trim()), ["90%", "-10%", "20%"]);
  await shoot(tab, "desktop-light-parts", false);
  const count = asked(all).length;
  await divider(tab).getByRole("button", { name: titleOf(first), exact: true }).click();
  await sheet(tab).getByText("Other values").first().waitFor();
  assert.equal(await rows.count(), 4, "two values, the others, the mix");
  assert.equal(asked(all).length, count, "what was answered is shown otherwise");
  await sheet(tab).getByRole("button", { name: /^Why\? Only .*One$/ }).click();
  await tab.waitForFunction((title) => ![...document.querySelectorAll(".pills button")].some((one) => one.textContent === title), titleOf(first));
  await isAnswered(tab);
  const body = asked(all).at(-1);
  assert.deepEqual(body.filters.at(-1), { name: first, operator: "equals", values: ["One"] });
  assert.ok(!body.by.includes(first));
  assert.equal(body.compare.with, "rest", "compared as before");
  await tab.goBack();
  await divider(tab).getByRole("button", { name: titleOf(first), exact: true }).waitFor();
  assert.deepEqual(errors, []);
});

test("a row is asked about by the keyboard, and the focus comes back to it", async (t) => {
  const { tab, asked: all, errors } = await open(t, SIZES.desktop, home());
  await makeUp(tab);
  await isDrawn(tab);
  const table = of("table", explainedOf);
  const { rows } = await ask("/v1/query", questionOf(table));
  const first = at(tab, table).locator("tbody button").first();
  await first.focus();
  await tab.keyboard.press("Shift+F10");
  const title = titleOf(explainedOf(table));
  await at(tab, table).getByRole("button", { name: `Why is ${title}` }).waitFor();
  await isAccessible(tab, "the menu of a row", ".at-pointer");
  await tab.keyboard.press("Escape");
  await at(tab, table).locator(".at-pointer").waitFor({ state: "detached" });
  assert.ok(await first.evaluate((element) => element === document.activeElement));
  await tab.keyboard.press("Shift+F10");
  await at(tab, table).getByRole("button", { name: `Why is ${title}` }).waitFor();
  await tab.keyboard.press("Enter");
  await isAnswered(tab);
  const { filters, compare } = asked(all).at(-1);
  assert.deepEqual(compare, { with: "others", name: table.dimensions[0] });
  for (const [index, name] of table.dimensions.entries())
    assert.deepEqual(filters.find((one) => one.name === name), { name, operator: "equals", values: [rows[0][index]] });
  await tab.keyboard.press("Escape");
  await sheet(tab).waitFor({ state: "detached" });
  assert.ok(await first.evaluate((element) => element === document.activeElement));
  assert.deepEqual(errors, []);
});

test("a chip and a whole tile are asked about, and Back closes the sheet", async (t) => {
  const { tab, asked: all, errors } = await open(t, SIZES.desktop, home());
  await makeUp(tab);
  await isDrawn(tab);
  const tile = of("bar", (tile) => (tile.drill ?? []).length === 0 && !tile.series && explainedOf(tile));
  await clickMark(tab, tile);
  await tab.locator(".chip").first().waitFor();
  await isDrawn(tab);
  await isAccessible(tab, "a chip that can be asked about", ".chips");
  await shoot(tab, "desktop-light-chip");
  const url = tab.url();
  await tab.locator(".chips").getByRole("button", { name: /^Why\?/ }).click();
  await isAnswered(tab);
  const body = asked(all).at(-1);
  assert.equal(body.filters.at(-1).name, tile.dimensions[0]);
  assert.deepEqual(body.compare, { with: "others", name: tile.dimensions[0] });
  assert.ok(!body.by.includes(tile.dimensions[0]), "what has one value is no cause");
  await tab.goBack();
  await sheet(tab).waitFor({ state: "detached" });
  assert.equal(tab.url(), url);

  const kpi = of("kpi", explainedOf);
  const { time_range } = questionOf(kpi);
  if (!time_range?.from || !time_range.before) return;
  await choose(tab, kpi, "Why?");
  await isAnswered(tab);
  const whole = asked(all).at(-1);
  assert.deepEqual(whole.time_range, time_range);
  assert.deepEqual(whole.compare.with, kpi.compare ? "period" : "usual");
  await sheet(tab).getByRole("button", { name: "Close" }).click();
  await sheet(tab).waitFor({ state: "detached" });
  assert.equal(await tab.evaluate(() => document.activeElement.getAttribute("aria-label")), `${kpi.title}: menu`);
  assert.deepEqual(errors, []);
});

test("a refusal is told with its hint, and a broken link opens the report", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop);
  const problem = { error: "there are no rows in the periods before\nhint: compare with another time" };
  await tab.route("**/v1/explain", (route) => route.fulfill({ status: 400, contentType: "application/json", body: JSON.stringify(problem) }));
  await tab.goto(`${tab.url()}${home()}?why.tile=${line.id}&why.measure=${measure}&why.of.${line.dimensions[0]}=2013-01-01&why.not={`);
  await tab.reload();
  await sheet(tab).getByText("Hint: compare with another time").waitFor();
  await isAccessible(tab, "a refusal", "dialog.why");
  assert.equal(errors.filter((text) => !text.includes("400")).length, 0, errors.join());
  for (const broken of ["why=", "why.tile=nothing&why.measure=x", `why.tile=${line.id}&why.measure=nothing`, `why.tile=${line.id}&why.not=[`]) {
    await tab.goto(`${tab.url().split("#")[0]}${home()}?${broken}`);
    await tab.reload();
    await isDrawn(tab);
    assert.equal(await sheet(tab).count(), 0, broken);
  }
});

test("a report that was saved is not asked", async (t) => {
  const { tab, errors } = await open(t, { ...SIZES.desktop, offline: true }, "", pathToFileURL(file).href);
  await isDrawn(tab);
  assert.equal(await tab.getByRole("button", { name: /^Why/ }).count(), 0);
  await at(tab, line).getByRole("button", { name: `${line.title}: menu` }).click();
  await at(tab, line).getByRole("button", { name: "Save as CSV" }).waitFor();
  assert.equal(await tab.getByRole("button", { name: /^Why/ }).count(), 0);
  await tab.keyboard.press("Escape");
  const { x, y } = await at(tab, line).locator(MARKS).first().boundingBox();
  await tab.mouse.click(x + 1, y + 1, { button: "right" });
  assert.equal(await tab.locator(".at-pointer").count(), 0);
  assert.deepEqual(errors, []);
});
