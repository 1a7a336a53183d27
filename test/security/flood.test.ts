import { Agent, request } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, it } from 'vitest'
import { Shop } from './shop.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('a flood of visitors', async () => {
  const shop = await new Shop().open()
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  afterAll(async () => {
    agent.destroy()
    await shop.app.close()
  })
  const { hostname, port } = new URL(shop.app.base)
  const send = (path: string, cookie?: string) =>
    new Promise<number>((resolve, reject) => {
      const sent = request({ hostname, port, path, agent, ...(cookie && { headers: { cookie } }) }, (response) => {
        response.resume()
        response.once('end', () => resolve(response.statusCode!))
      })
      sent.once('error', reject)
      sent.end()
    })
  async function many(count: number, path: string, cookie?: string): Promise<void> {
    let left = count
    const one = async () => {
      while (left-- > 0) expect(await send(path, cookie)).toBe(200)
    }
    await Promise.all(Array.from({ length: 50 }, one))
  }

  it.each([
    ['reads', '/read', undefined],
    ['forms with CSRF tokens', '/form', undefined],
    ['log-outs', '/logout', undefined],
    ['reads with a forged cookie', '/read', `sid=s.${'A'.repeat(22)}.${'B'.repeat(43)}.${'C'.repeat(43)}`],
  ])('20,000 cookie-less %s leave no record and no memory', { timeout: 240_000 }, async (_, path, cookie) => {
    await many(2000, path, cookie)
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    await many(20_000, path, cookie)
    collectGarbage()
    const grown = process.memoryUsage().heapUsed - before
    expect(shop.store.calls).toEqual([])
    // A record of 20,000 visitors would take tens of megabytes.
    expect(grown).toBeLessThan(4_000_000)
  })
})
