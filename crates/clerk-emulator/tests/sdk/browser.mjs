// A browser for tests: one cookie jar, because cookies of one host are shared by all its ports, and an app on port 3000 that
// asks Clerk's SDK about every page, as the framework adapters do.
import assert from "node:assert/strict";

import { createClerkClient } from "@clerk/backend";

export const apiUrl = process.env.CLERK_API_URL;
const secretKey = process.env.CLERK_SECRET_KEY;
const publishableKey = process.env.CLERK_PUBLISHABLE_KEY;
assert.ok(apiUrl && secretKey && publishableKey, "the environment is not set");

export const APP = "http://127.0.0.1:3000";
export const clerk = createClerkClient({
  secretKey,
  publishableKey,
  apiUrl,
  proxyUrl: apiUrl,
  telemetry: { disabled: true },
});

export const control = async (method, path, body) => {
  const headers = { "content-type": "application/json" };
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(`${apiUrl}/__emulator/${path}`, init);
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? undefined : response.json();
};

export class Browser {
  cookies = new Map();

  cookie(base) {
    const name = [...this.cookies.keys()].find((name) => name.startsWith(base));
    return name && this.cookies.get(name);
  }

  take(headers) {
    for (const directive of headers.getSetCookie()) {
      const [pair, ...attributes] = directive.split("; ");
      const at = pair.indexOf("=");
      const expires = attributes.find((attribute) => attribute.startsWith("Expires="));
      const gone = expires && new Date(expires.slice("Expires=".length)) <= new Date();
      if (gone) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  header() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** Opens a page and follows redirects to its end. */
  async visit(url, options = {}) {
    const seen = { reasons: [], hops: [] };
    let next = url;
    for (let hop = 0; hop < 10; hop += 1) {
      seen.hops.push(next);
      const headers = { cookie: this.header(), accept: "text/html", "sec-fetch-dest": "document" };
      let location;
      if (new URL(next).origin === APP) {
        const state = await clerk.authenticateRequest(new Request(next, { headers }), options);
        this.take(state.headers);
        // The counter against loops lasts two seconds in a real browser.
        this.cookies.delete("__clerk_redirect_count");
        if (state.reason) seen.reasons.push(state.reason);
        location = state.headers.get("location");
        if (!location) return { ...seen, state, url: next, auth: state.toAuth() };
      } else {
        const response = await fetch(next, { headers, redirect: "manual" });
        this.take(response.headers);
        location = response.headers.get("location");
        if (!location) return { ...seen, response, url: next, html: await response.text() };
      }
      next = new URL(location, next).href;
    }
    assert.fail(`too many redirects: ${seen.hops.join("\n")}`);
  }

  /** What a script of the app's page, or a form of Clerk's own pages, sends. */
  async post(path, fields, origin = APP) {
    const headers = { cookie: this.header(), origin };
    const body = new URLSearchParams(fields);
    const response = await fetch(`${apiUrl}${path}`, { method: "POST", headers, body, redirect: "manual" });
    this.take(response.headers);
    return response;
  }

  async frontend(path, fields = {}) {
    const id = this.cookies.get("__clerk_db_jwt");
    const response = await this.post(`/v1/${path}${id ? `?__clerk_db_jwt=${id}` : ""}`, fields);
    const body = await response.json();
    assert.ok(response.ok, JSON.stringify(body));
    return body;
  }

  /** Puts a token that has just expired in place of the session token. */
  async expire() {
    const name = [...this.cookies.keys()].find((name) => name.startsWith("__session"));
    const { sid } = JSON.parse(Buffer.from(this.cookies.get(name).split(".")[1], "base64url").toString());
    const { jwt } = await control("POST", "session_tokens", { session_id: sid, expires_in_seconds: -10 });
    for (const key of this.cookies.keys()) if (key.startsWith("__session")) this.cookies.set(key, jwt);
    return sid;
  }
}

export const ADA = { email_address: "ada@example.com", password: "correct horse" };
