import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Visitor } from '../visitor.ts'
import { Process } from './process.ts'

const folder = mkdtempSync(join(tmpdir(), 'races-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const cluster = inject('redisCluster')
const servers = {
  mongodb: inject('mongodb'),
  postgres: inject('postgres'),
  redis: inject('redis'),
  'redis cluster': 'url' in cluster ? { ...cluster, url: cluster.url.replace('redis:', 'redis-cluster:') } : cluster,
}
const stores: { name: string; url: string | undefined; counts: number[] }[] = [
  { name: 'memory', url: 'memory:', counts: [1] },
  { name: 'sqlite', url: join(folder, 'races.db'), counts: [1, 2] },
  ...Object.entries(servers).map(([name, server]) => ({
    name,
    url: 'url' in server ? server.url : undefined,
    counts: [1, 2],
  })),
]

for (const { name, url, counts } of stores) {
  for (const count of counts) {
    describe.skipIf(url === undefined)(`${name}, ${count} process${count > 1 ? 'es' : ''}`, () => {
      let processes: Process[] = []
      const agent = new Agent({ keepAlive: true, maxSockets: 50 })
      beforeAll(async () => {
        processes = await Promise.all(Array.from({ length: count }, () => new Process(url!).ready()))
      })
      afterAll(async () => {
        agent.destroy()
        await Promise.all(processes.map((process) => process.stop()))
      })
      const process = (i: number) => processes[i % count]!
      const first = () => new Visitor(process(0).base)

      const post = (base: string, path: string, cookie: string) =>
        new Promise<number>((resolve, reject) => {
          const sent = request(base + path, { method: 'POST', agent, headers: { cookie } }, (response) => {
            response.resume().once('end', () => resolve(response.statusCode!))
          })
          sent.once('error', reject)
          sent.end()
        })

      it('200 concurrent changes of one session over 50 connections leave 200', async () => {
        const visitor = first()
        await visitor.fetch('/login', { method: 'POST' })
        const statuses = await Promise.all(
          Array.from({ length: 200 }, (_, i) => post(process(i).base, `/work?i=${i}`, visitor.header)),
        )
        expect(new Set(statuses)).toEqual(new Set([200]))
        const { n, list } = await visitor.json('/')
        expect(n).toBe(200)
        expect([...list].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i))
      })

      it('ID-8 CVE-2025-46336: 20 of 20 times a log-out during a slow request stays a log-out', async () => {
        for (let i = 0; i < 20; i++) {
          const visitor = first()
          await visitor.fetch('/login', { method: 'POST' })
          const cookie = visitor.header
          const slow = post(process(0).base, '/slow', cookie)
          await process(0).line()
          expect(await post(process(1).base, '/logout', cookie)).toBe(200)
          await post(process(0).base, '/go', cookie)
          expect(await slow).toBe(409)
          const later = new Visitor(process(1).base)
          expect(await later.json('/', { headers: { cookie } })).toEqual({})
        }
      })

      it('20 of 20 times a role that is dropped during a slow request stays dropped', async () => {
        for (let i = 0; i < 20; i++) {
          const visitor = first()
          await visitor.fetch('/login', { method: 'POST' })
          const slow = post(process(0).base, '/slow', visitor.header)
          await process(0).line()
          expect(await post(process(1).base, '/demote', visitor.header)).toBe(200)
          await post(process(0).base, '/go', visitor.header)
          expect(await slow).toBe(200)
          expect(await visitor.json('/')).toEqual({ user: 1, last: 'slow' })
        }
      })
    })
  }
}

for (const { name, url } of stores.filter(({ counts }) => counts.includes(2))) {
  describe.skipIf(url === undefined)(`${name}, 4 processes`, () => {
    it('10,000 changes of one counter leave 10,000', async () => {
      const processes = await Promise.all(Array.from({ length: 4 }, () => new Process(url!).ready()))
      const visitor = new Visitor(processes[0]!.base)
      await visitor.fetch('/login', { method: 'POST' })
      const work = Array.from({ length: 20 }, (_, i) =>
        fetch(`${processes[i % 4]!.base}/inc?times=500`, { method: 'POST', headers: { cookie: visitor.header } }),
      )
      expect((await Promise.all(work)).map(({ status }) => status)).toEqual(Array(20).fill(200))
      expect((await visitor.json('/')).n).toBe(10_000)
      await Promise.all(processes.map((process) => process.stop()))
    })
  })
}
