// An app that knows nothing of Clerk. A proxy in front of it asks clerk-sync about each request, and says in
// `x-clerk-user-id` who is asking. By then that user's row is in the `users` table: the notes below could have a
// foreign key onto it.
//
// It believes that header, so nobody but the proxy may reach it: it listens on this machine only.
import { createServer } from 'node:http';

const PORT = Number(process.env.PORT ?? 3000);
const MAX_BODY_BYTES = 1024 * 1024;

// Stands for your database: `insert into notes (user_id, text) ...`.
const notes = new Map();

createServer((request, response) => {
    answer(request).then(
        ({ status, headers, body = '' }) => response.writeHead(status, headers).end(body),
        (error) => {
            console.error(error);
            response.writeHead(error.status ?? 500).end();
        },
    );
}).listen(PORT, '127.0.0.1', function () {
    console.log(`the app listens on http://127.0.0.1:${this.address().port}, for the proxy alone`);
});

async function answer(request) {
    const user = request.headers['x-clerk-user-id'];
    // The proxy lets nobody through without it, so somebody else must have asked.
    if (!user) return text(500, 'This request did not come through the proxy.');
    const { pathname } = new URL(request.url, 'http://app');
    const own = notes.get(user) ?? [];
    switch (`${request.method} ${pathname}`) {
        case 'GET /':
            return page(user, own);
        case 'POST /notes': {
            const form = new URLSearchParams(await body(request));
            notes.set(user, [...own, form.get('text') ?? '']);
            return { status: 303, headers: { location: '/' } };
        }
        case 'GET /api/notes':
            return json(200, { user, notes: own });
        case 'POST /api/notes': {
            const note = JSON.parse(await body(request));
            notes.set(user, [...own, note.text]);
            return json(201, note);
        }
        default:
            return text(404, 'There is nothing here.');
    }
}

async function body(request) {
    const chunks = [];
    let size = 0;
    for await (const chunk of request) {
        size += chunk.length;
        if (size > MAX_BODY_BYTES) throw Object.assign(new Error('the body is too large'), { status: 413 });
        chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
}

const text = (status, line) => ({ status, headers: { 'content-type': 'text/plain' }, body: `${line}\n` });

const json = (status, value) => ({
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'private, no-store' },
    body: JSON.stringify(value),
});

const escape = (value) => value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const page = (user, own) => ({
    status: 200,
    // Pages of one person belong into no cache that others share.
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'private, no-store' },
    body: `<!doctype html>
<html lang="en">
<title>Notes</title>
<h1>Notes</h1>
<p>Signed in as <code id="user">${escape(user)}</code>, whose row is in the database.</p>
<ul>${own.map((note) => `<li>${escape(note)}</li>`).join('')}</ul>
<form method="post" action="/notes">
<label>A note: <input name="text" required></label> <button>Add</button>
</form>
</html>
`,
});
