// People in Chromium: from an app that uses Clerk's SDK to the emulator's pages and back, without any script of Clerk's.
// `tests/browser.rs` starts the emulator and sets the environment; CHROMIUM_PATH names another browser than Debian's.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { createClerkClient } from "@clerk/backend";
import { chromium } from "playwright-core";

const apiUrl = process.env.CLERK_API_URL;
const publishableKey = process.env.CLERK_PUBLISHABLE_KEY;
const secretKey = process.env.CLERK_SECRET_KEY;
assert.ok(apiUrl && publishableKey && secretKey, "the environment is not set");
const production = publishableKey.startsWith("pk_live_");
const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

const clerk = createClerkClient({ secretKey, publishableKey, apiUrl, proxyUrl: apiUrl, telemetry: { disabled: true } });

// In development the app is on another host, so that nothing but the address can carry the browser's identity. In production
// both share a domain, as they do on loopback if the host is the same.
const host = production ? "127.0.0.1" : "localhost";
let app;
const server = createServer(async (request, response) => {
  const url = `${app}${request.url}`;
  const state = await clerk.authenticateRequest(new Request(url, { headers: request.headers }));
  const location = state.headers.get("location");
  const headers = { "set-cookie": state.headers.getSetCookie(), "content-type": "text/html" };
  if (location) return response.writeHead(307, { ...headers, location }).end();
  const dev = /__clerk_db_jwt=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  const query = new URLSearchParams({ redirect_url: `${app}/welcome?plan=pro`, ...(dev && { __clerk_db_jwt: dev }) });
  const links = ["sign-up", "sign-in", "sign-out"].map((page) => `<a href="${apiUrl}/${page}?${query.toString().replaceAll("&", "&amp;")}">${page}</a>`);
  const who = state.status === "signed-in" ? state.toAuth().userId : "nobody";
  response.writeHead(200, headers).end(`<!doctype html><title>app</title><p id="who">${who}</p>${links.join(" ")}`);
});

let browser;
let page;
let troubles;

before(async () => {
  await new Promise((resolve) => server.listen(0, host, resolve));
  app = `http://${host}:${server.address().port}`;
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ARGS });
});

after(async () => {
  await browser?.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(async () => {
  await fetch(`${apiUrl}/__emulator/reset`, { method: "POST" });
  troubles = [];
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, javaScriptEnabled: true });
  page = await context.newPage();
  page.setDefaultTimeout(5_000);
  page.on("console", (message) => {
    const missing = /favicon/.test(message.location().url);
    if (["error", "warning"].includes(message.type()) && !missing) troubles.push(message.text());
  });
});

const who = () => page.locator("#who").textContent();

/** People take longer than a test: the SDK's guard against loops counts handshakes that follow within two seconds. */
const later = () => page.context().clearCookies({ name: "__clerk_redirect_count" });

/** Types into the field of this label, reached by keyboard. */
const type = async (label, text) => {
  const field = page.getByLabel(label);
  for (let presses = 0; presses < 20; presses += 1) {
    if (await field.evaluate((element) => element === document.activeElement)) return page.keyboard.type(text);
    await page.keyboard.press("Tab");
  }
  assert.fail(`${label} cannot be reached by keyboard`);
};

test("a person signs up by keyboard on a phone and is back in the app, known", async () => {
  await page.goto(`${app}/`);
  assert.equal(await who(), "nobody");
  await later();
  await page.getByText("sign-up").click();
  await page.getByRole("heading", { name: "Create an account" }).waitFor();
  const [inner, full] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  assert.ok(full <= inner, "nothing is wider than the screen");
  await type("E-mail address", "ada@example.com");
  await type("First name", "Ada");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${app}/welcome?plan=pro`);
  const user = await clerk.users.getUser(await who());
  assert.equal(user.firstName, "Ada");

  await later();
  await page.getByText("sign-out").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${app}/welcome?plan=pro`);
  assert.equal(await who(), "nobody");

  await later();
  await page.getByText("sign-in").click();
  await page.getByRole("button", { name: "Ada (ada@example.com)" }).click();
  await page.waitForURL(`${app}/welcome?plan=pro`);
  assert.equal(await who(), user.id);
  assert.deepEqual(troubles, []);
});

test("a mistake is shown, and the form keeps what was typed", async () => {
  await clerk.users.createUser({ emailAddress: ["taken@example.com"] });
  await page.goto(`${app}/`);
  await later();
  await page.getByText("sign-up").click();
  await page.getByLabel("E-mail address").fill("taken@example.com");
  await page.getByLabel("First name").fill("<b>Ada</b>");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByText("is taken").waitFor();
  assert.equal(await page.getByLabel("First name").inputValue(), "<b>Ada</b>");
  await page.getByLabel("E-mail address").fill("free@example.com");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.waitForURL(`${app}/welcome?plan=pro`);
  assert.match(await who(), /^user_/);
});

test("a tab closed before the redirect leaves a user the app has not seen", { skip: production }, async () => {
  await page.goto(`${app}/`);
  await later();
  await page.getByText("sign-up").click();
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Do not go back to the app").check();
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("heading", { name: "the app was not visited" }).waitFor();
  assert.equal(await clerk.users.getCount(), 1);
  await page.locator("#continue").click();
  await page.waitForURL(`${app}/welcome?plan=pro`);
  assert.match(await who(), /^user_/);
  assert.deepEqual(troubles, []);
});
