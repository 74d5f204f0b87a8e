import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { browser, env, Page, Server } from "./harness.mjs";

const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};
const SCREENSHOTS = process.env.WASMILL_SCREENSHOTS;

let chromium;
let server;
let page;

before(async () => {
  page = new Page(env("WASMILL_PAGE"));
  server = await Server.make(env("WASMILL_PIPELINE"));
  await Promise.all([page.start(), server.start()]);
  chromium = await browser();
  if (SCREENSHOTS) await mkdir(SCREENSHOTS, { recursive: true });
});

after(async () => {
  await chromium?.close();
  await Promise.all([page?.stop(), server?.remove()]);
});

/** Opens the page in a browser profile of its own; what it says, asks and moves is recorded. */
async function open(t, options, hash = "") {
  const context = await chromium.newContext({ serviceWorkers: "block", ...options });
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
  const hosts = new Set();
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  tab.on("pageerror", (err) => errors.push(String(err)));
  tab.on("request", (request) => hosts.add(new URL(request.url()).origin));
  await tab.goto(`${page.url}?server=${encodeURIComponent(server.url)}${hash}`);
  return { tab, context, errors, hosts };
}

async function isLive(tab) {
  await tab.locator("[data-state=live]").waitFor();
}

async function shoot(tab, name) {
  if (!SCREENSHOTS) return;
  // What was new is not any more.
  await tab.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finish())));
  await tab.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

async function isAccessible(tab, what) {
  await tab.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
  const { violations } = await new AxeBuilder({ page: tab }).analyze();
  const said = violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ target }) => target).join("; ")}`);
  assert.deepEqual(said, [], what);
}

function percent(text) {
  return Number(/^(\d+)%/.exec(text)?.[1]);
}

for (const [size, options] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`on a ${size}, ${colorScheme}, everything can be read by everyone`, async (t) => {
      const { tab, errors } = await open(t, { ...options, colorScheme });
      await isLive(tab);
      await tab.locator(".row a").nth(19).waitFor();
      await isAccessible(tab, "the list");
      await shoot(tab, `${size}-${colorScheme}-list`);

      await tab.getByLabel("Flight or destination").fill("Boston");
      await tab.getByText(/flights for “Boston”/).waitFor();
      await isAccessible(tab, "what was found");
      await shoot(tab, `${size}-${colorScheme}-found`);

      await tab.locator(".row a").first().click();
      await tab.getByRole("heading", { name: /Newark to Boston/ }).waitFor();
      await tab.getByText(/Usual on this route: \d+%/).waitFor();
      await isAccessible(tab, "a flight");
      await shoot(tab, `${size}-${colorScheme}-flight`);
      assert.deepEqual(errors, []);
    });
  }

  test(`on a ${size}, the riskiest departures of an airport stand in their order, and nothing moves`, async (t) => {
    const { tab, errors, hosts } = await open(t, options);
    await isLive(tab);
    for (const [airport, code] of [["Newark", "EWR"], ["LaGuardia", "LGA"]]) {
      await tab.getByLabel(`${code} ${airport}`).check();
      await tab.getByRole("heading", { name: `Riskiest departures from ${airport}` }).waitFor();
      await tab.locator(".row a").nth(19).waitFor();
      const shown = (await tab.locator(".risk b").allTextContents()).map(percent);
      assert.equal(shown.length, 20);
      assert.deepEqual(shown, [...shown].sort((a, b) => b - a));
      await tab.getByText(/Thursday, January 31: \d+ departures/).waitFor();
    }
    assert.deepEqual(errors, []);
    assert.deepEqual([...hosts].sort(), [page.url.slice(0, -1), server.url].sort(), "nothing is loaded from elsewhere");
    assert.ok((await tab.evaluate(() => window.shift)) < 0.01, "nothing moves");
  });

  test(`on a ${size}, a flight changes while it is looked at`, async (t) => {
    const { id, number, row, moved } = server.early("EWR", 1, 9);
    const { tab, errors } = await open(t, options, `#EWR//${id}`);
    await isLive(tab);
    const risk = tab.getByTestId("risk");
    await risk.getByText("%").waitFor();
    const before = percent(await risk.textContent());
    t.after(() => server.put([row]));
    await server.put([moved]);
    await tab.waitForFunction((before) => !document.querySelector("[data-testid=risk]").textContent.startsWith(`${before}%`), before);
    const now = percent(await risk.textContent());
    assert.equal(now, Math.round((await server.document(id)).body.risk * 100));
    await tab.locator(".was", { hasText: `was ${before}%` }).waitFor();
    const said = tab.getByTestId("said");
    assert.match(await said.textContent(), new RegExp(`^${number} to .*: now ${now}% likely to be late, was ${before}%`));
    assert.equal(await said.getAttribute("aria-live"), "polite");
    await isAccessible(tab, "a flight that changed");
    await shoot(tab, `${size}-light-changed`);
    assert.deepEqual(errors, []);
  });

  test(`on a ${size}, what was seen stays when the server goes away, and goes on when it is back`, async (t) => {
    const { id, row, moved } = server.early("EWR", 2, 9);
    const { tab } = await open(t, options, `#EWR//${id}`);
    await isLive(tab);
    const risk = tab.getByTestId("risk");
    await risk.getByText("%").waitFor();
    const before = percent(await risk.textContent());
    // The list, which is asked for beside the flight, is kept once it is there.
    await tab.waitForFunction(() => Object.values(localStorage).some((kept) => JSON.parse(kept).airports?.EWR));
    const notice = tab.getByText("You’re offline.");
    assert.equal(await notice.count(), 0);
    t.after(async () => {
      await server.stop();
      await server.start();
      await server.put([row]);
    });

    await server.stop();
    await notice.waitFor();
    assert.equal(percent(await risk.textContent()), before);
    await isAccessible(tab, "offline");
    await shoot(tab, `${size}-light-offline`);

    // Even a page that is opened now shows it.
    await tab.reload();
    await notice.waitFor();
    assert.equal(percent(await risk.textContent()), before);
    await tab.getByText(/This is from .* and updates/).waitFor();

    await server.put([moved]);
    await server.start();
    await isLive(tab);
    await notice.waitFor({ state: "detached" });
    await tab.waitForFunction((before) => !document.querySelector("[data-testid=risk]").textContent.startsWith(`${before}%`), before);
  });
}

test("a flight is found by the keyboard alone", async (t) => {
  const { tab, errors } = await open(t, SIZES.desktop);
  await isLive(tab);
  await tab.locator(".row a").nth(19).waitFor();
  const focus = () =>
    tab.evaluate(() => {
      const { id, name } = document.activeElement;
      const of = document.activeElement.nextElementSibling?.matches("input + span") ? document.activeElement.nextElementSibling : document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(of);
      return { id, name, isSeen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
  const tabTo = async (is) => {
    for (let presses = 0; presses < 15; presses++) {
      await tab.keyboard.press("Tab");
      const at = await focus();
      assert.ok(at.isSeen, `the focus is seen on ${JSON.stringify(at)}`);
      if (is(at)) return at;
    }
    assert.fail("it is not reached");
  };
  await tabTo(({ name }) => name === "airport");
  await tab.keyboard.press("ArrowRight");
  await tab.getByRole("heading", { name: "Riskiest departures from Kennedy" }).waitFor();
  await tabTo(({ id }) => id === "search");
  await tab.keyboard.type("los angeles");
  await tab.getByText(/flights for “los angeles”/).waitFor();
  const { id } = await tabTo(({ id }) => id.startsWith("row-"));
  await tab.keyboard.press("Enter");
  await tab.getByRole("heading", { name: /Kennedy to Los Angeles/ }).waitFor();
  assert.ok(tab.url().endsWith(encodeURIComponent(id.slice(4))));
  // By its number, and Enter opens the only one.
  await tab.keyboard.press("Shift+Tab");
  const [, carrier, number] = /^row-2013-01-31-(..)(\d+)-JFK$/.exec(id);
  await tab.keyboard.press("Control+A");
  await tab.keyboard.type(`${carrier.toLowerCase()}${number}`);
  await tab.getByText(/^1 flight for/).waitFor();
  await tab.keyboard.press("Enter");
  await tab.getByRole("heading", { name: new RegExp(`${carrier} ${number}`) }).waitFor();
  assert.deepEqual(errors, []);
});

test("on a phone, the focus goes to the flight and back to its row", async (t) => {
  const { tab } = await open(t, SIZES.phone);
  await isLive(tab);
  const row = tab.locator(".row a").nth(4);
  const id = await row.getAttribute("id");
  await row.click();
  await tab.waitForFunction(() => document.activeElement.id === "flight");
  await tab.getByRole("link", { name: "All departures" }).click();
  await tab.waitForFunction((id) => document.activeElement.id === id, id);
});

test("a narrow phone has nothing beside the screen", async (t) => {
  const { tab } = await open(t, { ...SIZES.phone, viewport: { width: 360, height: 640 } });
  await isLive(tab);
  const wide = () => tab.evaluate(() => document.documentElement.scrollWidth);
  await tab.locator(".row a").nth(19).waitFor();
  assert.equal(await wide(), 360);
  await tab.locator(".row a").first().click();
  await tab.getByText(/in 10 flights/).waitFor();
  assert.equal(await wide(), 360);
});

test("a page that was open once opens without a network", async (t) => {
  const { tab } = await open(t, { ...SIZES.phone, serviceWorkers: "allow" });
  await isLive(tab);
  await tab.locator(".row a").nth(19).waitFor();
  await tab.evaluate(() => navigator.serviceWorker.ready);
  await tab.reload();
  await isLive(tab);
  const seen = await tab.locator(".row").allTextContents();
  t.after(async () => {
    await page.start();
    await server.start();
  });
  await Promise.all([page.stop(), server.stop()]);
  await tab.reload();
  await tab.getByText("You’re offline.").waitFor();
  assert.deepEqual(await tab.locator(".row").allTextContents(), seen);
});
