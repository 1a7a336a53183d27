import { execFile } from 'node:child_process'
import { join } from 'node:path'

export const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'index.js')

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the inspector to its end. */
export function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { env: { ...process.env, STORE: '' } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    )
  })
}
