// The guide's way: Express, Clerk's own verifyWebhook, one upsert per event through a default pg pool.
import express from 'express'
import { verifyWebhook } from '@clerk/express/webhooks'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
const app = express()

app.get('/readyz', (_req, res) => res.sendStatus(200))

app.post('/clerk/webhooks', express.raw({ type: 'application/json' }), async (req, res) => {
  let event
  try {
    // Reads CLERK_WEBHOOK_SIGNING_SECRET from the environment.
    event = await verifyWebhook(req)
  } catch (error) {
    console.error(error)
    return res.status(400).send('Error verifying webhook')
  }
  try {
    if (event.type === 'user.created' || event.type === 'user.updated') {
      await upsert(event.data)
    } else if (event.type === 'user.deleted') {
      await pool.query('DELETE FROM users WHERE clerk_id = $1', [event.data.id])
    }
  } catch (error) {
    console.error(error)
    return res.status(500).send('Error writing the user')
  }
  return res.send('Webhook received')
})

async function upsert(user) {
  const primary = user.email_addresses.find((email) => email.id === user.primary_email_address_id)
  await pool.query(
    `INSERT INTO users (clerk_id, email, username, first_name, last_name, image_url, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (clerk_id) DO UPDATE SET
       email = EXCLUDED.email, username = EXCLUDED.username, first_name = EXCLUDED.first_name,
       last_name = EXCLUDED.last_name, image_url = EXCLUDED.image_url,
       created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at`,
    [
      user.id,
      primary?.email_address ?? null,
      user.username,
      user.first_name,
      user.last_name,
      user.image_url,
      new Date(user.created_at),
      new Date(user.updated_at),
    ],
  )
}

app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
