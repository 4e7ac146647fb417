// People sign up, come back, and are signed out: the sample app, the local Clerk and the service of `clerk-sync dev` in
// Chromium. `tests/browser.rs` starts the program and sets the environment.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { caller, fitsEverybody, launch, open, session, troublesOf } from "./tools.mjs";

const { APP_URL: app, CLERK_URL: clerk, SERVICE_URL: service } = process.env;
assert.ok(app && clerk && service, "the environment is not set");
const sample = caller(app);
const control = caller(`${clerk}/__emulator`);
const SIGN_UP = `${service}/clerk/after-sign-up`;

let browser;
let page;
let people = 0;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

beforeEach(async () => {
  await sample("POST", "/api/webhooks/deliver-next");
  page = await open(browser);
  await page.goto(`${app}/`);
});

afterEach(async () => {
  await control("DELETE", "/faults");
  await page.context().close();
});

const you = () => page.locator("#you");
const says = (text) => you().getByText(text).waitFor();
const hopsOf = async (walk) => {
  page.hops.length = 0;
  await walk();
  return page.hops;
};
const handshakes = (hops) => hops.filter(({ url }) => url.startsWith(`${clerk}/v1/client/handshake`));
const email = (name) => `${name.toLowerCase()}.${(people += 1)}@flows.example`;

/** From the sample page through the local Clerk's form; answers the address of the new user. */
const signUp = async (name, { stay = false } = {}) => {
  const address = email(name);
  await page.getByRole("link", { name: "Sign up" }).click();
  await page.getByLabel("E-mail address").fill(address);
  await page.getByLabel("First name").fill(name);
  if (stay) await page.getByLabel("Do not go back to the app").check();
  await page.getByRole("button", { name: "Sign up" }).click();
  if (stay) await page.getByRole("heading", { name: "the app was not visited" }).waitFor();
  else await page.waitForURL(`${app}/welcome`);
  return address;
};

/** Puts another token of the same session into the browser, as if time had passed or a clock were wrong. */
const swapToken = async (options) => {
  const context = page.context();
  const { sid } = await session(context, service);
  const { jwt } = await control("POST", "/session_tokens", { session_id: sid, authorized_party: service, ...options });
  const cookies = await context.cookies(service);
  const longAgo = String(Math.floor(Date.now() / 1_000) - 3_600);
  const changed = cookies.filter(({ name }) => /^__(session|client_uat)/.test(name));
  await context.addCookies(changed.map((cookie) => ({ ...cookie, value: cookie.name.startsWith("__session") ? jwt : longAgo })));
  return sid;
};

test("who signs up lands in the app with the row there", async () => {
  await sample("POST", "/api/webhooks/delay-next", { ms: 2_000 });
  const address = await signUp("Ada");
  await says("Welcome to the app");
  await says(address);
  // The first page that the person sees, before any script has changed it.
  const html = await (await page.context().request.get(`${app}/welcome`)).text();
  assert.match(html, /Your row is in users: made by visit \(flow A or C\), \d/);
  await says(/Your row is in users: made by visit \(flow A or C\), [\d.]+ m?s after/);
  await page.getByRole("log").getByText("row created by visit").first().waitFor();
  await page.getByRole("log").getByText("webhook accepted, nothing to change").first().waitFor();
  const { pairs } = await sample("GET", "/api/state");
  const own = pairs.find((pair) => pair.clerk?.email === address);
  assert.deepEqual([own.sync, own.flow], ["in_sync", "visit"]);
  const me = await page.goto(`${service}/clerk/me`);
  assert.deepEqual([me.status(), (await me.json()).email], [200, address]);
});

test("the webhook repairs what a closed tab left undone", async () => {
  const watching = await page.context().newPage();
  await watching.goto(`${app}/`);
  const address = await signUp("Grace", { stay: true });
  const row = watching.getByRole("row").filter({ hasText: address });
  await row.getByText("in sync").waitFor();
  await row.getByText("webhook", { exact: true }).waitFor();
  assert.ok(!page.hops.some(({ url }) => url.startsWith(service)), "the service was not visited");
  await watching.close();
});

test("with the webhook lost too, coming back by hand repairs it", async () => {
  await sample("POST", "/api/webhooks/drop-next");
  const address = await signUp("Edsger", { stay: true });
  await page.goto(`${app}/`);
  const row = page.getByRole("row").filter({ hasText: address });
  await row.getByText("row missing").waitFor();
  await says("Nobody is signed in here");
  await page.getByRole("link", { name: "I am back" }).click();
  // This browser is a stranger to the app, so the local Clerk asks who it is.
  await page.getByRole("button", { name: address }).click();
  await page.waitForURL(`${app}/welcome`);
  await says("made by visit");
  await page.getByRole("row").filter({ hasText: address }).getByText("in sync").waitFor();
});

test("without JavaScript, by keyboard, the way back from sign-up is the same", async () => {
  await page.context().close();
  page = await open(browser, { javaScriptEnabled: false, viewport: { width: 320, height: 640 } });
  await page.goto(`${app}/`);
  const press = async (name) => {
    for (let presses = 0; presses < 40; presses += 1) {
      await page.keyboard.press("Tab");
      const focused = page.locator(":focus");
      if ((await focused.count()) && (await focused.textContent()).trim() === name) return page.keyboard.press("Enter");
    }
    assert.fail(`${name} cannot be reached by keyboard`);
  };
  await press("Sign up");
  await page.getByLabel("E-mail address").fill(email("Plain"));
  await page.keyboard.press("Enter");
  await page.waitForURL(`${app}/welcome`);
  await says("Your row is in users");
  await press("Sign out");
  await page.getByRole("button", { name: "Sign out" }).press("Enter");
  await page.waitForURL(`${app}/`);
  await says("Nobody is signed in here");
});

/** As if the two seconds had passed in which redirects are counted. */
const calmDown = () => page.context().clearCookies({ name: "__clerk_redirect_count" });

test("an expired token costs one handshake and no loop", async () => {
  await signUp("Barbara");
  for (const [address, end] of [[`${service}/clerk/me`], [SIGN_UP, `${app}/`], [`${app}/`]]) {
    await swapToken({ issued_in_seconds: -3_000 });
    await calmDown();
    const hops = await hopsOf(() => page.goto(address));
    const [handshake, ...more] = handshakes(hops);
    assert.match(handshake.url, /__clerk_hs_reason=session-token-expired/, address);
    assert.deepEqual(more, []);
    assert.deepEqual(hops.slice(0, 3).map(({ status }) => status), [307, 307, 307], JSON.stringify(hops));
    assert.deepEqual([page.url(), hops.at(-1).status], [end ?? address, 200]);
    assert.ok(hops.length <= 5, JSON.stringify(hops));
    assert.ok((await session(page.context(), service)).exp > Date.now() / 1_000, "the browser has a fresh token");
    const again = await hopsOf(() => page.goto(address));
    assert.deepEqual(handshakes(again), [], "none is left over for the next page");
  }
});

test("clocks that disagree by minutes end in an answer", async () => {
  await signUp("Donald");
  for (const seconds of [300, -300]) {
    for (const address of [`${service}/clerk/me`, SIGN_UP, `${app}/`]) {
      await swapToken({ issued_in_seconds: seconds });
      await calmDown();
      const hops = await hopsOf(() => page.goto(address));
      assert.ok(hops.length <= 10, `${address} ${seconds}: ${JSON.stringify(hops)}`);
      const { status } = hops.at(-1);
      assert.ok(status === 200 || status === 401, `${address} ${seconds}: ${status}`);
      await calmDown();
      // Whatever was decided, signing in at the local Clerk mends it.
      await page.goto(`${clerk}/sign-in?redirect_url=${encodeURIComponent(SIGN_UP)}`);
      await page.getByRole("link", { name: "Go on as this user" }).click();
      await page.waitForURL(`${app}/`);
    }
  }
});

test("who signs out at Clerk is signed out here", async () => {
  await signUp("Tony");
  await page.getByRole("link", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${app}/`);
  await says("Nobody is signed in here");
  assert.equal((await page.goto(`${service}/clerk/me`)).status(), 401);
});

test("who signs out at Clerk without coming back is signed out here once the token has ended", async () => {
  await signUp("Frances");
  await page.goto(`${clerk}/sign-out`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${clerk}/`);
  const { cookies } = await page.context().storageState();
  const held = cookies.find(({ name }) => name === "__session").value;
  const claims = JSON.parse(Buffer.from(held.split(".")[1], "base64url"));
  claims.iat -= 3_000;
  claims.exp -= 3_000;
  claims.nbf -= 3_000;
  const header = JSON.parse(Buffer.from(held.split(".")[0], "base64url"));
  const { jwt } = await control("POST", "/tokens", { header, claims });
  const old = cookies.filter(({ name }) => /^__(session|client_uat)/.test(name));
  await page.context().addCookies(old.map((cookie) => ({ ...cookie, value: cookie.name.startsWith("__session") ? jwt : String(claims.iat - 1) })));
  const hops = await hopsOf(() => page.goto(`${service}/clerk/me`));
  assert.equal(hops.at(-1).status, 401, JSON.stringify(hops));
  assert.equal(handshakes(hops).length, 1);
  assert.equal(await session(page.context(), service), undefined, "the token was taken away");
  await page.goto(`${app}/`);
  await says("Nobody is signed in here");
});

test("another local host name leads to the one that the cookies are for", async () => {
  await signUp("Radia");
  for (const address of [`${app}/`, `${SIGN_UP}?redirect_url=%2Fwelcome`]) {
    const port = new URL(address).port;
    await page.goto(address.replace(`127.0.0.1:${port}`, `localhost:${port}`));
    assert.equal(new URL(page.url()).hostname, "127.0.0.1");
    await says("Your row is in users");
  }
});

test("while Clerk is away a page says so, tries again by itself, and goes on", async () => {
  await sample("POST", "/api/webhooks/drop-next");
  await signUp("Annie", { stay: true });
  await control("POST", "/faults", { kind: "api_unavailable", path: "/v1/users" });
  await page.locator("#continue").click();
  await page.getByRole("heading", { name: "One moment" }).waitFor();
  assert.equal(page.hops.at(-1).status, 503);
  await fitsEverybody(page);
  await control("DELETE", "/faults");
  await page.waitForURL(`${app}/welcome`, { timeout: 15_000 });
  await says("made by visit");
});

test("every page that a person can come to is fit for everybody", async () => {
  await fitsEverybody(page);
  const expected = async (heading, status) => {
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    assert.equal(page.hops.at(-1).status, status, heading);
    await fitsEverybody(page);
  };
  await page.goto(SIGN_UP);
  await expected("Sign in", 200);
  // Back without having signed in.
  await page.goto(SIGN_UP);
  await expected("You are not signed in here", 401);
  await page.goto(`${SIGN_UP}?__clerk_handshake=nonsense`);
  await expected("This request cannot be judged", 500);

  await page.goto(`${app}/`);
  const address = await signUp("Gone");
  await fitsEverybody(page);
  await page.goto(SIGN_UP);
  const { pairs } = await sample("GET", "/api/state");
  const { id } = pairs.find((pair) => pair.clerk?.email === address);
  await sample("DELETE", `/api/users/${id}`);
  await page.getByText("not among the users below").waitFor();
  await page.goto(SIGN_UP);
  await expected("This account does not exist", 404);

  // A trigger of the test refuses the row of whoever is called so.
  await page.context().clearCookies();
  await page.goto(`${app}/`);
  await signUp("Unwanted", { stay: true });
  await page.locator("#continue").click();
  await expected("Your account could not be set up", 409);
});

test("the look at a page sees what is wrong with it", async () => {
  await page.setViewportSize({ width: 320, height: 640 });
  // Away from the sample page, whose policy forbids styles like these.
  await page.goto("about:blank");
  await page.setContent(`<p style="width: 400px; color: #999; font-size: 9px">faint</p><a>nowhere</a><button></button>`);
  const troubles = (await troublesOf(page)).join("\n");
  for (const trouble of ['lang is ""', "no title", "0 h1", "0 main", 'viewport is ""', "px wide", "text of 9 px", '"faint" has a contrast of 2.8', "focus: <a>", "focus: <button>"]) {
    assert.ok(troubles.includes(trouble), `${trouble}: ${troubles}`);
  }
});
