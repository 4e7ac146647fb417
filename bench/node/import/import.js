// An import as a competent user writes it: pages of 500 by Clerk's own SDK, one upsert a page.
// IMPORT_PARALLEL pages are under way at once; 1 is the plain loop.
import { createClerkClient } from '@clerk/backend'
import pg from 'pg'

const PAGE = 500
const parallel = Number(process.env.IMPORT_PARALLEL ?? 1)
const clerk = createClerkClient({ secretKey: process.env.CLERK_SECRET_KEY, apiUrl: process.env.CLERK_API_URL })
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: parallel })
const began = performance.now()

let next = 0
let ended = false
let seen = 0

async function work() {
  while (!ended) {
    const offset = next
    next += PAGE
    const { data } = await clerk.users.getUserList({ limit: PAGE, offset, orderBy: '+created_at' })
    if (data.length < PAGE) ended = true
    if (data.length > 0) await upsert(data)
    seen += data.length
  }
}

async function upsert(users) {
  await pool.query({
    name: 'upsert',
    text: `INSERT INTO users (clerk_id, email, username, first_name, last_name, image_url, created_at, updated_at)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
     ON CONFLICT (clerk_id) DO UPDATE SET
       email = EXCLUDED.email, username = EXCLUDED.username, first_name = EXCLUDED.first_name,
       last_name = EXCLUDED.last_name, image_url = EXCLUDED.image_url,
       created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at`,
    values: [
      users.map((user) => user.id),
      users.map((user) => user.primaryEmailAddress?.emailAddress ?? null),
      users.map((user) => user.username),
      users.map((user) => user.firstName),
      users.map((user) => user.lastName),
      users.map((user) => user.imageUrl),
      users.map((user) => new Date(user.createdAt)),
      users.map((user) => new Date(user.updatedAt)),
    ],
  })
}

await Promise.all(Array.from({ length: parallel }, work))
console.log(JSON.stringify({ seen, seconds: (performance.now() - began) / 1000 }))
await pool.end()
