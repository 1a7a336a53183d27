// node bench/heap.mjs: what lives in the heap of an application through which 20,000 sessions of 16 KiB pass, with copies
// of large sessions and without. The sessions are on Redis: made, read, and changed, each at least once.
import { parseArgs } from 'node:util'
import { DATABASES } from './databases.mjs'
import { SIZES } from './scenes.mjs'
import { Subject } from './subject.mjs'

const SESSIONS = 20_000
const bytes = SIZES['16 KiB']

const { values: options } = parseArgs({ options: { json: { type: 'boolean' } } })
const server = await DATABASES.redis()
const results = []
if ('missing' in server) console.error(`Redis is left out: ${server.missing}`)
else {
  let cookies
  for (const name of ['ours', 'ours, no cache']) {
    const subject = await Subject.start(name, server.url)
    // Its code is loaded and warm before the first look.
    await subject.run({ path: '/read', visitors: 100, bytes: SIZES['0.2 KiB'] }, { connections: 50, ms: 2000 })
    const before = await subject.heap()
    if (cookies) subject.know(cookies, bytes)
    cookies = await subject.visitors(SESSIONS, bytes)
    let most = (await subject.heap()) - before
    for (const work of [{ path: '/read' }, { path: '/inc', method: 'POST' }]) {
      await passed(subject, { ...work, visitors: SESSIONS, bytes })
      most = Math.max(most, (await subject.heap()) - before)
    }
    results.push({ subject: name, sessions: SESSIONS, heap: most })
    subject.stop()
  }
  await server.stop()
}
if (options.json) console.log(JSON.stringify(results))
else for (const { subject, heap } of results) console.log(`${subject.padEnd(16)} ${(heap / 2 ** 20).toFixed(1)} MiB`)
process.exit(0)

/** Long enough for a request of every visitor: they come in turn. */
async function passed(subject, cell) {
  for (let ms = 8000; ; ms *= 2) {
    const { count } = await subject.run(cell, { connections: 50, ms })
    if (count >= SESSIONS) return
  }
}
