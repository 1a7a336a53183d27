import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** What the tests bring is kept here, for the next run. */
export const KEPT = join(import.meta.dirname, '..', '..', '.cache', 'servers')

/** Each program that was brought and not installed, as a script that starts it. */
export const KEPT_PROGRAMS = join(KEPT, 'bin')

/** Makes a program below .cache/servers one that `program()` finds, with variables that hold paths there. */
export function keep(name: string, path: string, environment: Record<string, readonly string[]> = {}): void {
  const here = (target: string) => `"$here/${relative(KEPT, target)}"`
  const settings = Object.entries(environment).map(([key, paths]) => `${key}=${paths.map(here).join(':')} `)
  const lines = ['#!/bin/sh', 'here=$(dirname "$(dirname "$(readlink -f "$0")")")']
  mkdirSync(KEPT_PROGRAMS, { recursive: true })
  const script = join(KEPT_PROGRAMS, name)
  writeFileSync(script, `${[...lines, `${settings.join('')}exec ${here(path)} "$@"`].join('\n')}\n`)
  chmodSync(script, 0o755)
}
