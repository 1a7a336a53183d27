import { inject } from 'vitest'

/** A database of this run's own on the MongoDB server, which two runs may share where it was handed in. */
export function database(name: string): string {
  return `${name}_${inject('run')}`
}
