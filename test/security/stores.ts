import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { OPEN, type Opened, STORES, serverOf } from '../stores/clients.ts'

export interface Kind {
  readonly name: 'memory' | 'sqlite' | (typeof STORES)[number]
  /** There is no server for it here. */
  readonly missing: boolean
  readonly open: () => Promise<Opened>
}

/** Every kind of store. `table` sets the sessions of one test file apart from those of others. */
export function kinds(table: string): Kind[] {
  const here = (store: Opened['store']) => async () => ({ store, close: () => store.close() })
  const there = (name: (typeof STORES)[number]): Kind => {
    const server = serverOf(name)
    const missing = 'missing' in server
    return { name, missing, open: () => OPEN[name]((server as { url: string }).url, table) }
  }
  return [
    { name: 'memory', missing: false, open: here(memory({ max: 1e6 })) },
    { name: 'sqlite', missing: false, open: here(sqlite(':memory:')) },
    ...STORES.map(there),
  ]
}
