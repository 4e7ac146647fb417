// Answers each request on a line of standard input with what Clerk's own SDK makes of it, on a line of standard output.
// The first line says which signing keys the instance has. The clock stands where each request says.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { createClerkClient } from '@clerk/backend';

for (const name of ['log', 'warn', 'error', 'info', 'debug']) console[name] = () => {};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { jwks } = JSON.parse((await lines.next()).value);
let current;

const api = createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  request.resume();
  request.on('end', () => {
    const url = new URL(request.url, 'http://api');
    if (url.pathname === '/v1/jwks') return answer(200, jwks);
    if (url.pathname === '/v1/clients/handshake_payload') {
      const directives = current.handshakes[url.searchParams.get('nonce')];
      if (directives) return answer(200, { directives });
    }
    if (/^\/v1\/sessions\/[^/]+\/refresh$/.test(url.pathname)) {
      if (current.refresh.cookies) return answer(200, { object: 'cookies', cookies: current.refresh.cookies });
      return answer(422, { errors: current.refresh.code ? [{ code: current.refresh.code, message: 'no' }] : [] });
    }
    answer(404, { errors: [{ code: 'resource_not_found', message: 'not found' }] });
  });
});
await new Promise((listening) => api.listen(0, '127.0.0.1', listening));
const apiUrl = `http://127.0.0.1:${api.address().port}`;

async function judge(asked) {
  const options = { publishableKey: asked.publishable_key };
  if (asked.proxy_url) options.proxyUrl = asked.proxy_url;
  if (asked.authorized_parties.length) options.authorizedParties = asked.authorized_parties;
  const clerk = createClerkClient({ apiUrl, secretKey: 'sk_test_x', publishableKey: asked.publishable_key });
  const headers = new Headers();
  for (const [name, value] of asked.headers) headers.append(name, value);
  try {
    const request = new Request(asked.url, { method: asked.method, headers });
    const state = await clerk.authenticateRequest(request, options);
    const auth = state.toAuth({ treatPendingAsSignedOut: false });
    return {
      status: state.status,
      reason: state.headers.get('x-clerk-auth-reason'),
      told: state.headers.get('x-clerk-auth-status'),
      has_message: state.headers.has('x-clerk-auth-message'),
      location: state.headers.get('location'),
      cache: state.headers.get('cache-control'),
      origin: state.headers.get('access-control-allow-origin'),
      credentials: state.headers.get('access-control-allow-credentials'),
      cookies: state.headers.getSetCookie(),
      session: state.status !== 'signed-in' ? null : {
        user: auth.userId,
        session: auth.sessionId ?? null,
        pending: auth.sessionStatus === 'pending',
        organization: auth.orgId ?? null,
        slug: auth.orgSlug ?? null,
        role: auth.orgRole ?? null,
        permissions: auth.orgId ? (auth.orgPermissions ?? []) : [],
        admin: auth.has({ role: 'org:admin' }),
        may: auth.has({ permission: 'org:invoices:create' }),
        plan: auth.has({ plan: 'pro' }),
        feature: auth.has({ feature: 'o:invoices' }),
      },
    };
  } catch (error) {
    return { status: 'failed', why: String(error?.message ?? error) };
  }
}

for await (const line of lines) {
  current = JSON.parse(line);
  Date.now = () => current.now_ms;
  process.stdout.write(`${JSON.stringify(await judge(current))}\n`);
}
api.close();
