#!/usr/bin/env node
import { createRequire } from 'node:module'
import { isSessionError } from '../errors/index.ts'
/**
 * The inspector: shows and removes sessions of any store, for operators.
 *
 * @module koa-atomic-session/cli
 */
import { visible } from '../errors/visible.ts'
import { openStore, storeSchema } from '../stores/open.ts'
import { COMMANDS } from './commands.ts'
import { HELP, parse } from './options.ts'
import { Output } from './output.ts'
import { UsageError } from './usage.ts'

const require = createRequire(import.meta.url)

/** What the process ends with. */
const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3 } as const

async function main(args: readonly string[]): Promise<number> {
  const { command, id, options } = parse(args)
  if (command === 'help') {
    process.stdout.write(HELP)
    return EXIT.done
  }
  if (command === 'version') {
    process.stdout.write(`${require('../../package.json').version}\n`)
    return EXIT.done
  }
  if (command === 'schema') {
    process.stdout.write(`${await storeSchema(options.store, options.index, options.place)}\n`)
    return EXIT.done
  }
  const opened = await openStore(options.store, { create: false, ...options.place })
  const output = new Output(options.json)
  try {
    const found = await COMMANDS[command]({ store: opened.store, id, options, output })
    return found ? EXIT.done : EXIT.notFound
  } finally {
    output.clear()
    await opened.close()
  }
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // After `list | head` has read enough there is nobody left to tell.
    if (code === 'EPIPE') process.exit()
    process.stderr.write(`The results can't be written: ${message}\n`)
    process.exit(EXIT.failed)
  })
}
try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!isSessionError(error) && !(error instanceof UsageError)) throw error
  process.stderr.write(`${visible(error.message)}\n`)
  process.exitCode = error instanceof UsageError || error.code === 'ERR_SESSION_USAGE' ? EXIT.usage : EXIT.failed
}
