// A person whose Clerk and whose clerk-sync disagree about the time, for good: whatever the answer, it comes, and soon.
// `tests/browser.rs` starts both and sets the environment.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, open, troublesOf } from "./tools.mjs";

const { CLERK_URL: clerk, SERVICE_URL: service } = process.env;
assert.ok(clerk && service, "the environment is not set");
/** How often the service may be asked until it gives an answer. */
const REQUESTS = 10;
/** Chromium itself gives up after as many redirects. */
const REDIRECTS = 20;

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

test("an answer comes soon, every time, and says what may be wrong", async () => {
  const page = await open(browser);
  const back = `${service}/clerk/after-sign-up?redirect_url=${encodeURIComponent(`${service}/readyz`)}`;
  const answered = async (walk) => {
    page.hops.length = 0;
    await walk();
    const hops = page.hops.map(({ url, status }) => `${status} ${url.slice(0, 60)}`);
    assert.ok(hops.length < REDIRECTS, hops.join("\n"));
    assert.ok(hops.filter((hop) => hop.includes(service)).length <= REQUESTS, hops.join("\n"));
    assert.match(hops.at(-1), /^(200|401) /, hops.join("\n"));
    return page.hops.at(-1).status;
  };
  await page.goto(`${clerk}/sign-up?redirect_url=${encodeURIComponent(back)}`);
  await page.getByLabel("E-mail address").fill("somebody@skewed.example");
  await answered(async () => {
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.waitForLoadState();
  });
  assert.equal(await answered(() => page.goto(`${service}/clerk/me`)), 401);
  // Sent to sign in once, and told what may be wrong when that did not help. On a slow machine the first may be forgotten.
  let last = await answered(() => page.goto(back));
  for (let more = 0; last !== 401 && more < 3; more += 1) last = await answered(() => page.goto(back));
  await page.getByRole("heading", { name: "You are not signed in here" }).waitFor();
  assert.match(await page.locator("main").textContent(), /a clock on our side is wrong/);
  assert.deepEqual(await troublesOf(page), []);
});
