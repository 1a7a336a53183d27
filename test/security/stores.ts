import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { inject } from 'vitest'
import { OPEN, type Opened } from '../stores/clients.ts'

export interface Kind {
  readonly name: 'memory' | 'sqlite' | 'mongodb' | 'postgres' | 'redis'
  /** There is no server for it here. */
  readonly missing: boolean
  readonly open: () => Promise<Opened>
}

/** Every kind of store. `table` sets the sessions of one test file apart from those of others. */
export function kinds(table: string): Kind[] {
  const here = (store: Opened['store']) => async () => ({ store, close: () => store.close() })
  const there = (name: 'mongodb' | 'postgres' | 'redis'): Kind => {
    const server = inject(name)
    const missing = 'missing' in server
    return { name, missing, open: () => OPEN[name]((server as { url: string }).url, table) }
  }
  return [
    { name: 'memory', missing: false, open: here(memory({ max: 1e6 })) },
    { name: 'sqlite', missing: false, open: here(sqlite(':memory:')) },
    ...(['mongodb', 'postgres', 'redis'] as const).map(there),
  ]
}
