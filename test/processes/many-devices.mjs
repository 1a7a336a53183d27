// A process with little memory whose user has more and larger sessions than fit into it.
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { sqlite } from 'koa-atomic-session/sqlite'

const app = new Koa()
app.keys = ['a key of the tests that is long enough']
const store = sqlite(process.argv[2])
const sessions = atomicSession(app, { store, index: ['user_id'], timeout: 60_000 })

const page = await sessions.find('user_id', 42)
let all = 0
for await (const { data } of sessions.find('user_id', 42)) if (data.blob.length === 50_000) all++
const except = page[0].id
const removed = await sessions.destroyAll('user_id', 42, { except })
const left = (await sessions.find('user_id', 42)).map(({ id }) => id === except)
process.stdout.write(JSON.stringify({ page: page.length, all, removed, left }))
await sessions.close()
