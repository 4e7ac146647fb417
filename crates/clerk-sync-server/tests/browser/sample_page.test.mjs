// Drives the page of `clerk-sync dev` in Chromium, by keyboard and by what people read. `tests/browser.rs` starts the
// program and sets APP_URL; CHROMIUM_PATH names another browser than Debian's.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { launch } from "./tools.mjs";

const app = process.env.APP_URL;
assert.ok(app, "APP_URL is not set");

const SOON = { timeout: 2_000 };
const HOSTILE = "<img src=x onerror=alert(1)>";

let browser;
let page;
let troubles;

const api = async (method, path, body) => {
  const init = { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(app + path, init);
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
};

const open = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const opened = await context.newPage();
  opened.setDefaultTimeout(5_000);
  opened.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(`console: ${message.text()}`);
  });
  opened.on("pageerror", (error) => troubles.push(`script: ${error}`));
  opened.on("dialog", (dialog) => troubles.push(`dialog: ${dialog.message()}`));
  opened.on("request", (request) => {
    if (!request.url().startsWith(`${app}/`)) troubles.push(`a request left: ${request.url()}`);
  });
  await opened.goto(`${app}/`);
  if (options.javaScriptEnabled !== false) await opened.getByText("live", { exact: true }).waitFor();
  return opened;
};

const pair = (text) => page.getByRole("row").filter({ hasText: text });
const clerkSide = (text) => pair(text).getByRole("cell").nth(0);
const state = (text) => pair(text).getByRole("cell").nth(1);
const tableSide = (text) => pair(text).getByRole("cell").nth(2);
const log = () => page.getByRole("log");
const gone = (locator) => locator.waitFor({ state: "detached", ...SOON });
const appears = (locator) => locator.waitFor({ state: "visible", ...SOON });
const focused = () => page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent);

/** Presses Tab until the element that is named so has the focus. */
const tabTo = async (name, key = "Tab") => {
  for (let presses = 0; presses < 80; presses += 1) {
    if ((await focused()).trim().startsWith(name)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${name} cannot be reached by keyboard`);
};

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

beforeEach(async () => {
  troubles = [];
  await api("POST", "/api/webhooks/deliver-next");
  const { pairs, lost } = await api("GET", "/api/state");
  if (lost > 0) await api("POST", "/api/webhooks/resend-dropped");
  for (const { id, clerk } of pairs) if (clerk) await api("DELETE", `/api/users/${id}`);
  for (let tries = 0; (await api("GET", "/api/state")).pairs.length > 0; tries += 1) {
    assert.ok(tries < 100, "the users of the test before do not go away");
    await new Promise((done) => setTimeout(done, 50));
  }
  await page?.context().close();
  page = await open();
});

const calm = () => assert.deepEqual(troubles, []);

test("a user is created, renamed and deleted by keyboard, and the row follows", async () => {
  await appears(page.getByText("Nobody here yet"));
  await tabTo("New user");
  await page.keyboard.press("Enter");
  await appears(state("example.com").getByText("in sync"));
  const name = await clerkSide("example.com").locator(".name").textContent();
  await appears(tableSide(name).getByText(name, { exact: true }));
  assert.match(await state(name).textContent(), /webhook (\d+|<1) ms/);
  await appears(log().getByText("row created by webhook").first());

  await tabTo(`Rename ${name}`);
  await page.keyboard.press("Enter");
  await appears(page.getByLabel("New name"));
  await page.keyboard.type("Somebody Else");
  await page.keyboard.press("Escape");
  await page.getByLabel("New name").waitFor({ state: "hidden" });
  assert.equal(await focused(), `Rename ${name}`);

  await page.keyboard.press("Enter");
  await page.keyboard.type("Renamed Person");
  await page.keyboard.press("Enter");
  await appears(clerkSide("Renamed Person"));
  await appears(tableSide("Renamed Person").getByText("Renamed Person", { exact: true }));
  await appears(state("Renamed Person").getByText("in sync"));
  await appears(log().getByText("row updated by webhook").first());
  assert.equal(await focused(), "Rename Renamed Person");

  // Until the webhook comes there is a row without a user.
  await api("POST", "/api/webhooks/delay-next", { ms: 1_000 });
  await tabTo("Delete Renamed Person");
  await page.keyboard.press("Enter");
  await appears(tableSide("Renamed Person").getByText("Renamed Person", { exact: true }));
  await gone(pair("Renamed Person"));
  await appears(log().getByText("row deleted by webhook").first());
  await page.waitForFunction(() => document.activeElement.textContent.trim() === "New user");
  calm();
});

test("a dropped webhook leaves the row behind until it is sent again", async () => {
  await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
  await page.getByLabel("E-mail").fill("ada@lost.example");
  const drop = page.getByRole("button", { name: "Drop next webhook" });
  await drop.click();
  await appears(page.getByText("The next webhook will be dropped."));
  assert.equal(await drop.getAttribute("aria-pressed"), "true");

  await page.getByRole("button", { name: "New user" }).click();
  await appears(state("ada@lost.example").getByText("row missing"));
  await appears(tableSide("ada@lost.example").getByText("No row"));
  await appears(log().getByText("webhook dropped").first());
  await appears(page.getByText("delivered as usual"));
  assert.equal(await drop.getAttribute("aria-pressed"), "false");

  await page.getByRole("button", { name: "Send dropped webhooks again (1)" }).click();
  await appears(state("ada@lost.example").getByText("in sync"));

  await drop.click();
  await appears(page.getByText("The next webhook will be dropped."));
  await page.getByLabel("Rename Ada Lovelace").click();
  await page.getByLabel("New name").fill("Ada King");
  await page.getByRole("button", { name: "Save" }).click();
  await appears(state("Ada King").getByText("behind"));
  await appears(tableSide("Ada King").locator("[data-differs=true]", { hasText: "Ada Lovelace" }).first());
  await page.getByRole("button", { name: "Send dropped webhooks again (1)" }).click();
  await appears(state("Ada King").getByText("in sync"));

  await drop.click();
  await appears(page.getByText("The next webhook will be dropped."));
  await page.getByRole("button", { name: "Delete Ada King" }).click();
  await appears(state("ada@lost.example").getByText("only in table"));
  await appears(clerkSide("ada@lost.example").getByText("Not in Clerk"));
  await page.getByRole("button", { name: "Send dropped webhooks again (1)" }).click();
  await gone(pair("ada@lost.example"));
  calm();
});

test("a delayed webhook is waited for, and either trouble can be taken back", async () => {
  const delay = page.getByRole("button", { name: "Delay next webhook by 3 s" });
  await delay.click();
  await appears(page.getByText("The next webhook will be delayed by 3 s."));
  await delay.click();
  await appears(page.getByText("delivered as usual"));
  await delay.click();
  await appears(page.getByText("The next webhook will be delayed by 3 s."));
  await page.getByRole("button", { name: "New user" }).click();
  await appears(state("example.com").getByText("webhook delayed by 3 s"));
  await appears(log().getByText("webhook delayed by 3 s").first());
  await state("example.com").getByText("in sync").waitFor({ timeout: 5_000 });
  assert.match(await state("example.com").textContent(), /3\.\d+ s/);
  calm();
});

test("a hostile name is text", async () => {
  await page.getByLabel("Name", { exact: true }).fill(HOSTILE);
  await page.getByLabel("Name", { exact: true }).press("Enter");
  await appears(tableSide(HOSTILE).getByText(HOSTILE, { exact: true }));
  await appears(log().getByText(HOSTILE).first());
  assert.equal(await page.locator("main img").count(), 0);
  // As the server renders it, too.
  await page.reload();
  await appears(clerkSide(HOSTILE));
  assert.equal(await page.locator("main img").count(), 0);
  calm();
});

test("mistakes are told in words", async () => {
  await api("POST", "/api/users", { name: "Ada", email: "taken@example.com" });
  await page.getByLabel("E-mail").fill("taken@example.com");
  await page.getByRole("button", { name: "New user" }).click();
  await appears(page.getByRole("alert").getByText("Another user has this e-mail address."));
  await page.getByRole("button", { name: "Send dropped webhooks again (0)" }).click({ force: true });
  await appears(page.getByRole("alert").getByText("No webhook was dropped"));
  // The browser itself writes the refused request to its console.
  troubles = troubles.filter((trouble) => !trouble.includes("422"));
  calm();
});

test("on a phone nothing is wider than the screen", async () => {
  await api("POST", "/api/users", { name: "W".repeat(100), email: `${"w".repeat(120)}@example.com` });
  await api("POST", "/api/webhooks/drop-next");
  await api("POST", "/api/users", {});
  for (const colorScheme of ["light", "dark"]) {
    const phone = await open({ viewport: { width: 360, height: 740 }, colorScheme });
    await phone.getByText("row missing").waitFor();
    await phone.getByText("All columns").last().click();
    await phone.getByText("Rename").first().click();
    const width = await phone.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${width} px wide`);
    await phone.context().close();
  }
  calm();
});

test("without JavaScript the page can be read and its forms work", async () => {
  const plain = await open({ javaScriptEnabled: false });
  await plain.getByLabel("Name", { exact: true }).fill("Plain Person");
  await plain.getByRole("button", { name: "New user" }).click();
  await plain.getByText("Plain Person").first().waitFor();
  await plain.getByLabel("Rename Plain Person").click();
  await plain.getByLabel("New name").fill("Plainer Person");
  await plain.getByRole("button", { name: "Save" }).click();
  await plain.getByText("Plainer Person").first().waitFor();
  await plain.getByRole("button", { name: "Delete Plainer Person" }).click();
  await plain.waitForLoadState();
  await plain.reload();
  await plain.getByText("Nobody here yet").waitFor();
  await plain.context().close();
  calm();
});
