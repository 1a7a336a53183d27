// One process that serves one subject on one store; tells its port and, when asked, the processor time it has used, a profile
// of it, or what lives in its heap.
import { createServer } from 'node:http'
import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SUBJECTS } from './subjects.mjs'

const [name, url] = process.argv.slice(2)
const listener = await SUBJECTS[name](url)
const server = createServer(listener)
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('SIGINT', () => process.exit())
// A run that is killed must not leave its servers behind, to disturb the next.
process.on('disconnect', () => process.exit())

const inspector = new Session()
const answers = {
  cpu: async () => ({ cpu: process.cpuUsage() }),
  /** Twice, because a collection frees only some of what the first one has finished. */
  async heap() {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc')
    for (let i = 0; i < 2; i++) {
      await collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { heap: process.memoryUsage().heapUsed }
  },
  async profile() {
    inspector.connect()
    await inspector.post('Profiler.enable')
    await inspector.post('Profiler.setSamplingInterval', { interval: 200 })
    await inspector.post('Profiler.start')
    return {}
  },
  async profiled() {
    const { profile } = await inspector.post('Profiler.stop')
    inspector.disconnect()
    return { profile }
  },
}
process.on('message', async (question) => process.send(await answers[question]()))
