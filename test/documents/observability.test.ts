import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import Koa from 'koa'
import { atomicSession, type SessionEvent } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { expect, it, vi } from 'vitest'
import { KEY, Visitor } from '../visitor.ts'
import { expectAllRun, run, writeExamples } from './examples.ts'

it('the bridge to OpenTelemetry tells of every call to the store, and nothing secret', async () => {
  const exporter = new InMemorySpanExporter()
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  writeExamples()
  await run('opentelemetry')
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  await run('events')
  const events: SessionEvent[] = []
  const listener = (message: unknown) => void events.push(message as SessionEvent)
  subscribe('koa-atomic-session:event', listener)

  const app = new Koa()
  app.keys = [KEY]
  app.silent = true
  const store = memory()
  atomicSession(app, { store })
  let id = ''
  app.use(async (ctx) => {
    if (ctx.path === '/wrong') await ctx.session().push('n', 'what a visitor said')
    else if (ctx.path === '/read') id = (await ctx.session()).id!
    else await ctx.session().inc('n').set('said', 'what a visitor said')
    ctx.body = 'done'
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const visitor = new Visitor(`http://127.0.0.1:${(server.address() as import('node:net').AddressInfo).port}`)
  for (const path of ['/', '/', '/read', '/wrong']) await visitor.fetch(path)
  server.close()
  unsubscribe('koa-atomic-session:event', listener)

  expect(log.mock.calls.map(([line]) => JSON.parse(line))).toEqual(
    events.map(({ type, session, client, reason }) => JSON.parse(JSON.stringify({ type, session, client, reason }))),
  )
  expect(events.map(({ type }) => type)).toEqual(['created'])
  log.mockRestore()
  expectAllRun(/^docs\/observability/)

  const spans = exporter.getFinishedSpans()
  expect(spans.map(({ name, attributes }) => [name, attributes['session.outcome']])).toEqual([
    ['session create', 'done'],
    ['session update', 'changed'],
    ['session load', 'live'],
    ['session update', 'refused'],
  ])
  expect(spans[1]!.attributes).toEqual({
    'db.system.name': 'memory',
    'db.operation.name': 'update',
    'session.hash': events[0]!.session,
    'session.outcome': 'changed',
    'session.attempts': 1,
    'session.commands': ['inc', 'set'],
  })
  const exported = JSON.stringify(
    spans.map(({ name, attributes, status, events }) => ({ name, attributes, status, events })),
  )
  const [, secret] = visitor.cookies.get('sid')!.split('.').slice(1)
  for (const private_ of [id, secret!, 'what a visitor said']) expect(exported).not.toContain(private_)
})
