// Drives the emulator with Clerk's own SDK, unchanged. `tests/node_sdk.rs` starts the emulator and sets the environment.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { createClerkClient, verifyToken } from "@clerk/backend";
import { isClerkAPIResponseError } from "@clerk/backend/errors";
import { verifyWebhook } from "@clerk/backend/webhooks";

const apiUrl = process.env.CLERK_API_URL;
const secretKey = process.env.CLERK_SECRET_KEY;
const publishableKey = process.env.CLERK_PUBLISHABLE_KEY;
const signingSecret = process.env.CLERK_WEBHOOK_SIGNING_SECRET;
const jwtKey = process.env.CLERK_JWT_KEY;
assert.ok(apiUrl && secretKey && publishableKey && signingSecret && jwtKey, "the environment is not set");

const clerk = createClerkClient({ secretKey, publishableKey, apiUrl, telemetry: { disabled: true } });

const control = async (method, path, body) => {
  const headers = { "content-type": "application/json" };
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(`${apiUrl}/__emulator/${path}`, init);
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? undefined : response.json();
};

const refused = async (call) => {
  try {
    await call;
  } catch (error) {
    assert.ok(isClerkAPIResponseError(error), `not an API error: ${error}`);
    return error;
  }
  assert.fail("the call should have been refused");
};

const inbox = [];
const receiver = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const url = `http://${request.headers.host}${request.url}`;
    inbox.push(new Request(url, { method: "POST", headers: request.headers, body: Buffer.concat(chunks) }));
    response.writeHead(204).end();
  });
});

before(async () => {
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  await control("PUT", "webhook", { url: `http://127.0.0.1:${receiver.address().port}/webhooks` });
});
after(() => {
  receiver.closeAllConnections();
  receiver.close();
});
beforeEach(async () => {
  await control("POST", "settle");
  await control("POST", "reset");
  inbox.length = 0;
});

test("a user is made, read, changed and deleted", async () => {
  const made = await clerk.users.createUser({
    emailAddress: ["ada@example.com"],
    firstName: "Ada",
    lastName: "Lovelace",
    externalId: "ext-1",
    password: "analytical engine",
    publicMetadata: { plan: "free" },
    privateMetadata: { stripe: "cus_1" },
    createdAt: new Date("2025-12-01T10:00:00Z"),
  });
  assert.equal(made.primaryEmailAddress.emailAddress, "ada@example.com");
  assert.equal(made.createdAt, Date.parse("2025-12-01T10:00:00Z"));
  assert.equal(made.fullName, "Ada Lovelace");
  assert.equal(made.passwordEnabled, true);

  const read = await clerk.users.getUser(made.id);
  assert.deepEqual(read.raw, made.raw);

  const changed = await clerk.users.updateUser(made.id, { firstName: "Augusta" });
  assert.equal(changed.firstName, "Augusta");
  assert.ok(changed.updatedAt > made.updatedAt);

  const noted = await clerk.users.updateUserMetadata(made.id, { publicMetadata: { plan: null, seats: { a: 1 } } });
  assert.deepEqual(noted.publicMetadata, { seats: { a: 1 } });
  assert.deepEqual(noted.privateMetadata, { stripe: "cus_1" });

  const deleted = await clerk.users.deleteUser(made.id);
  assert.deepEqual([deleted.id, deleted.deleted], [made.id, true]);
  assert.equal(await clerk.users.getCount(), 0);
});

test("users are banned, locked and let go again", async () => {
  const { id } = await clerk.users.createUser({ username: "ada_l" });
  assert.equal((await clerk.users.banUser(id)).banned, true);
  assert.equal((await clerk.users.unbanUser(id)).banned, false);
  assert.equal((await clerk.users.lockUser(id)).locked, true);
  assert.equal((await clerk.users.unlockUser(id)).locked, false);
  const withImage = await clerk.users.updateUserProfileImage(id, { file: new Blob(["pixels"]) });
  assert.equal(withImage.hasImage, true);
  assert.equal((await clerk.users.deleteUserProfileImage(id)).hasImage, false);
});

test("lists are paged, ordered and filtered", async () => {
  const ids = [];
  for (let n = 0; n < 12; n += 1) {
    ids.push((await clerk.users.createUser({ externalId: `ext-${n}`, firstName: `User${n}` })).id);
  }
  const first = await clerk.users.getUserList();
  assert.equal(first.data.length, 10);
  assert.equal(first.totalCount, 12);

  const seen = [];
  for (let offset = 0; offset < 12; offset += 5) {
    const page = await clerk.users.getUserList({ limit: 5, offset, orderBy: "+created_at" });
    seen.push(...page.data.map((user) => user.id));
  }
  assert.equal(new Set(seen).size, 12);

  const some = await clerk.users.getUserList({ userId: [ids[0], ids[1]] });
  assert.deepEqual(some.data.map((user) => user.id).sort(), [ids[0], ids[1]].sort());
  assert.equal(some.totalCount, 2);
  const one = await clerk.users.getUserList({ externalId: ["ext-7"] });
  assert.equal(one.data[0].id, ids[7]);
  assert.equal(await clerk.users.getCount({ query: "user1" }), 3);
});

test("sessions have tokens that verify", async () => {
  const user = await clerk.users.createUser({ emailAddress: ["ada@example.com"] });
  const organization = await clerk.organizations.createOrganization({ name: "Engines", createdBy: user.id });
  const session = await clerk.sessions.createSession({ userId: user.id });
  assert.equal((await clerk.sessions.getSession(session.id)).status, "active");
  const listed = await clerk.sessions.getSessionList({ userId: user.id });
  assert.deepEqual([listed.data[0].id, listed.totalCount], [session.id, 1]);

  const { jwt } = await clerk.sessions.getToken(session.id);
  for (const how of [{ secretKey, apiUrl, skipJwksCache: true }, { jwtKey }]) {
    const claims = await verifyToken(jwt, how);
    assert.deepEqual([claims.sub, claims.sid, claims.v], [user.id, session.id, 2]);
  }
  const templated = await clerk.sessions.getToken(session.id, "my-template", 600);
  assert.ok(templated.jwt);

  const request = new Request("http://localhost:3000/", { headers: { authorization: `Bearer ${jwt}` } });
  const state = await clerk.authenticateRequest(request, { jwtKey });
  assert.equal(state.isSignedIn, true);
  assert.equal(state.toAuth().userId, user.id);

  const client = await clerk.clients.verifyClient(jwt);
  assert.equal(client.lastActiveSessionId, session.id);
  assert.equal((await clerk.sessions.revokeSession(session.id)).status, "revoked");

  const { data } = await clerk.users.getOrganizationMembershipList({ userId: user.id });
  assert.equal(data[0].organization.id, organization.id);
});

test("a token tells the active organization", async () => {
  const user = await clerk.users.createUser({});
  const organization = await clerk.organizations.createOrganization({ name: "Engines", createdBy: user.id });
  const body = { user_id: user.id, organization_id: organization.id };
  const { jwt } = await control("POST", "session_tokens", body);
  const request = new Request("http://localhost:3000/", { headers: { authorization: `Bearer ${jwt}` } });
  const auth = (await clerk.authenticateRequest(request, { jwtKey })).toAuth();
  assert.deepEqual([auth.orgId, auth.orgSlug, auth.orgRole], [organization.id, "engines", "org:admin"]);
});

test("organizations have members", async () => {
  const ada = await clerk.users.createUser({ emailAddress: ["ada@example.com"] });
  const bob = await clerk.users.createUser({ emailAddress: ["bob@example.com"] });
  const { id } = await clerk.organizations.createOrganization({ name: "Engines", createdBy: ada.id });
  const member = { organizationId: id, userId: bob.id };
  assert.equal((await clerk.organizations.createOrganizationMembership({ ...member, role: "org:member" })).role, "org:member");
  assert.equal((await clerk.organizations.updateOrganizationMembership({ ...member, role: "org:admin" })).role, "org:admin");
  const members = await clerk.organizations.getOrganizationMembershipList({ organizationId: id });
  assert.equal(members.totalCount, 2);
  assert.equal(members.data[0].publicUserData.identifier, "bob@example.com");
  await clerk.organizations.deleteOrganizationMembership(member);
  const noted = await clerk.organizations.updateOrganizationMetadata(id, { publicMetadata: { plan: "pro" } });
  assert.deepEqual(noted.publicMetadata, { plan: "pro" });
  const all = await clerk.organizations.getOrganizationList({ includeMembersCount: true });
  assert.deepEqual([all.totalCount, all.data[0].membersCount], [1, 1]);
  assert.equal((await clerk.organizations.getOrganization({ slug: "engines" })).id, id);
  assert.equal((await clerk.organizations.deleteOrganization(id)).deleted, true);
});

test("refusals have status, code and trace id", async () => {
  const missing = await refused(clerk.users.getUser("user_nobody"));
  assert.deepEqual([missing.status, missing.errors[0].code], [404, "resource_not_found"]);
  assert.match(missing.clerkTraceId, /^[0-9a-f]{32}$/);

  await clerk.users.createUser({ emailAddress: ["ada@example.com"] });
  const taken = await refused(clerk.users.createUser({ emailAddress: ["ada@example.com"] }));
  assert.deepEqual([taken.status, taken.errors[0].code], [422, "form_identifier_exists"]);
  assert.equal(taken.errors[0].meta.paramName, "email_address");

  const stranger = createClerkClient({ secretKey: "sk_test_wrong", apiUrl });
  const unknown = await refused(stranger.users.getCount());
  assert.deepEqual([unknown.status, unknown.errors[0].code], [401, "clerk_key_invalid"]);
});

test("throttling says when to come back", async () => {
  await control("POST", "faults", { kind: "api_too_many_requests", retry_after: 7, times: 1 });
  const throttled = await refused(clerk.users.getCount());
  assert.deepEqual([throttled.status, throttled.retryAfter], [429, 7]);
  assert.equal(await clerk.users.getCount(), 0);
});

test("one-time tokens are handed out", async () => {
  const { id } = await clerk.users.createUser({});
  const ticket = await clerk.signInTokens.createSignInToken({ userId: id, expiresInSeconds: 60 });
  assert.equal(ticket.status, "pending");
  assert.ok((await clerk.testingTokens.createTestingToken()).token);
  assert.equal((await clerk.instance.get()).environmentType, "development");
});

test("webhooks verify", async () => {
  const user = await clerk.users.createUser({ emailAddress: ["ada@example.com"], privateMetadata: { a: 1 } });
  await clerk.users.deleteUser(user.id);
  await control("POST", "settle");
  const events = await Promise.all(inbox.map((request) => verifyWebhook(request, { signingSecret })));
  const byType = new Map(events.map((event) => [event.type, event]));
  assert.deepEqual([...byType.keys()].sort(), ["user.created", "user.deleted"]);
  assert.deepEqual(byType.get("user.created").data, user.raw);
  assert.equal(byType.get("user.deleted").data.deleted, true);
  assert.equal(byType.get("user.created").event_attributes.http_request.client_ip, "127.0.0.1");
});
