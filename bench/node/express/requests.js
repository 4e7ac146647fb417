// A signed-in request the way Clerk's guide shows it: Express with clerkMiddleware.
import express from 'express'
import { clerkMiddleware, getAuth } from '@clerk/express'

const app = express()
app.get('/readyz', (_req, res) => res.sendStatus(200))
app.use(clerkMiddleware())
app.get('/', (req, res) => (getAuth(req).userId ? res.send('hello') : res.sendStatus(401)))
app.listen(Number(process.env.PORT), '127.0.0.1')
