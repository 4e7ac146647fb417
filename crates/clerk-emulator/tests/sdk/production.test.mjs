// The same in the manner of production: identity by cookie, results of handshakes in cookies, no development browser.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ADA, APP, apiUrl, Browser, control } from "./browser.mjs";

beforeEach(() => control("POST", "reset"));

test("a first visit needs no handshake", async () => {
  const visit = await new Browser().visit(`${APP}/`);
  assert.deepEqual([visit.reasons, visit.hops.length], [["session-token-and-uat-missing"], 1]);
});

for (const format of ["nonce", "token"]) {
  test(`after a sign-up the page is answered at once (${format})`, async () => {
    await control("PUT", "handshake", { format });
    const browser = new Browser();
    const { response } = await browser.frontend("client/sign_ups", ADA);
    assert.notEqual(browser.cookies.get("__client_uat"), "0");
    const visit = await browser.visit(`${APP}/welcome`);
    assert.deepEqual(visit.reasons, ["client-uat-but-no-session-token"]);
    assert.deepEqual([visit.auth.userId, visit.hops.length], [response.created_user_id, 3]);
    assert.equal(browser.cookie("__clerk_handshake"), undefined);
    const again = await browser.visit(`${APP}/`);
    assert.deepEqual([again.hops.length, again.auth.userId], [1, response.created_user_id]);

    await browser.expire();
    assert.equal((await browser.visit(`${APP}/`)).auth.userId, response.created_user_id);

    await browser.post("/v1/client?_method=DELETE", {});
    assert.equal(browser.cookies.get("__client_uat"), "0");
    await browser.expire().catch(() => {});
    const out = await browser.visit(`${APP}/`);
    assert.equal(out.state.status, "signed-out");
  });
}

test("the sign-up page brings a person back into the app, known", async () => {
  const browser = new Browser();
  const query = new URLSearchParams({ redirect_url: `${APP}/welcome` });
  const posted = await browser.post(`/sign-up?${query}`, { email_address: "ada@example.com" }, apiUrl);
  assert.deepEqual([posted.status, posted.headers.get("location")], [303, `${APP}/welcome`]);
  const visit = await browser.visit(`${APP}/welcome`);
  assert.deepEqual([visit.state.status, visit.url], ["signed-in", `${APP}/welcome`]);
});
