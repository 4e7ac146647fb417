// Every way a page of a development app learns who asks, with Clerk's own SDK, unchanged.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ADA, APP, apiUrl, Browser, clerk, control } from "./browser.mjs";

const count = async (route) => {
  const { routes } = await control("GET", "stats");
  return Object.values(routes[route] ?? {}).reduce((sum, n) => sum + n, 0);
};

beforeEach(() => control("POST", "reset"));

/** A browser that came from the sign-up page of another origin, as clerk-js sends it. */
const signedUp = async () => {
  const browser = new Browser();
  await browser.visit(`${APP}/`);
  const { response } = await browser.frontend("client/sign_ups", ADA);
  const dev = browser.cookies.get("__clerk_db_jwt");
  const visit = await browser.visit(`${APP}/welcome?plan=pro&__clerk_db_jwt=${dev}`);
  return { browser, visit, userId: response.created_user_id };
};

test("a first visit gets a dev browser and is signed out", async () => {
  const browser = new Browser();
  const visit = await browser.visit(`${APP}/page?a=1`);
  assert.deepEqual(visit.reasons, ["dev-browser-missing", "session-token-missing", "session-token-and-uat-missing"]);
  assert.equal(visit.state.status, "signed-out");
  assert.equal(visit.url, `${APP}/page?a=1`);
  assert.match(browser.cookies.get("__clerk_db_jwt"), /^dvb_/);
  const again = await browser.visit(`${APP}/page`);
  assert.deepEqual([again.hops.length, again.state.status], [1, "signed-out"]);
});

for (const format of ["nonce", "token", "as_clerk"]) {
  test(`after a sign-up the app knows the user (${format})`, async () => {
    await control("PUT", "handshake", { format });
    const { browser, visit, userId } = await signedUp();
    assert.equal(visit.reasons[0], "dev-browser-sync");
    assert.equal(visit.state.status, "signed-in");
    assert.equal(visit.auth.userId, userId);
    assert.equal(visit.auth.sessionClaims.azp, APP);
    assert.equal(visit.url, `${APP}/welcome?plan=pro`);
    const exchanged = (await count("GET /v1/clients/handshake_payload")) > 0;
    if (format !== "as_clerk") assert.equal(exchanged, format === "nonce");
    const again = await browser.visit(`${APP}/`, { authorizedParties: [APP] });
    assert.deepEqual([again.hops.length, again.auth.userId], [1, userId]);
  });
}

test("an expired token brings a handshake, and a signed-out one ends it", async () => {
  const { browser, userId } = await signedUp();
  await browser.expire();
  const visit = await browser.visit(`${APP}/`);
  assert.deepEqual(visit.reasons, ["session-token-expired-refresh-non-eligible-no-refresh-cookie"]);
  assert.deepEqual([visit.auth.userId, visit.hops.length], [userId, 4]);

  await browser.expire();
  await browser.post(`/v1/client?_method=DELETE&__clerk_db_jwt=${browser.cookies.get("__clerk_db_jwt")}`, {});
  const out = await browser.visit(`${APP}/`);
  assert.equal(out.state.status, "signed-out");
  assert.equal(browser.cookies.get("__client_uat"), "0");
});

test("a lost session cookie brings a handshake", async () => {
  const { browser, userId } = await signedUp();
  for (const name of [...browser.cookies.keys()]) if (name.startsWith("__session")) browser.cookies.delete(name);
  const visit = await browser.visit(`${APP}/`);
  assert.deepEqual([visit.reasons, visit.auth.userId], [["client-uat-but-no-session-token"], userId]);
});

test("refresh tokens spare the handshake while the session lasts", async () => {
  await control("PUT", "handshake", { refresh_tokens: true });
  const { browser, userId } = await signedUp();
  const session = await browser.expire();
  const visit = await browser.visit(`${APP}/`);
  assert.deepEqual([visit.hops.length, visit.auth.userId], [1, userId]);
  assert.equal(await count("POST /v1/sessions/{session_id}/refresh"), 1);

  await browser.expire();
  await clerk.sessions.revokeSession(session);
  const out = await browser.visit(`${APP}/`);
  assert.equal(out.reasons[0], "session-token-expired-refresh-authentication_invalid");
  assert.equal(out.state.status, "signed-out");
});

test("an unknown nonce leaves a clean address and changes nothing", async () => {
  const { browser, userId } = await signedUp();
  const visit = await browser.visit(`${APP}/page?__clerk_handshake_nonce=made-up&a=1`);
  assert.deepEqual([visit.reasons, visit.auth.userId], [["session-token-missing"], userId]);
  assert.equal(visit.url, `${APP}/page?a=1`);
});

test("the address decides the active organization", async () => {
  const { browser, userId } = await signedUp();
  await clerk.organizations.createOrganization({ name: "Engines", createdBy: userId });
  const options = { organizationSyncOptions: { organizationPatterns: ["/orgs/:slug"], personalAccountPatterns: ["/me"] } };
  const visit = await browser.visit(`${APP}/orgs/engines`, options);
  assert.deepEqual([visit.reasons, visit.auth.orgSlug], [["active-organization-mismatch"], "engines"]);
  const personal = await browser.visit(`${APP}/me`, options);
  assert.equal(personal.auth.orgSlug, undefined);
});

test("a rotated key is found", async () => {
  const { browser, userId } = await signedUp();
  await control("POST", "signing_key/rotate", { keep_old: true });
  assert.equal((await browser.visit(`${APP}/`)).auth.userId, userId);
  await browser.expire();
  assert.equal((await browser.visit(`${APP}/`)).auth.userId, userId);
});

test("the sign-up page brings a person back into the app, known", async () => {
  const browser = new Browser();
  await browser.visit(`${APP}/`);
  const query = new URLSearchParams({
    redirect_url: `${APP}/welcome?plan=pro`,
    __clerk_db_jwt: browser.cookies.get("__clerk_db_jwt"),
  });
  const page = await browser.visit(`${apiUrl}/sign-up?${query}`);
  const action = page.html.match(/action="([^"]+)"/)[1].replaceAll("&amp;", "&");
  const posted = await browser.post(action, { email_address: "ada@example.com", first_name: "Ada" }, apiUrl);
  assert.equal(posted.status, 303);
  const visit = await browser.visit(posted.headers.get("location"));
  assert.deepEqual([visit.reasons[0], visit.url], ["dev-browser-sync", `${APP}/welcome?plan=pro`]);
  assert.equal((await clerk.users.getUser(visit.auth.userId)).firstName, "Ada");

  const out = await browser.post(`/sign-out?${query}`, {}, apiUrl);
  const after = await browser.visit(out.headers.get("location"));
  assert.equal(after.state.status, "signed-out");
});
