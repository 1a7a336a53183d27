#!/usr/bin/env node
/**
 * The inspector: shows and removes sessions of any store, for operators.
 *
 * @module koa-atomic-session/cli
 */
import { isSessionError } from '../errors.ts'
import { openStore } from '../stores/open.ts'
import { COMMANDS } from './commands.ts'
import { HELP, parse, UsageError } from './options.ts'
import { Output } from './output.ts'

/** What the process ends with. */
const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3 } as const

async function main(args: readonly string[]): Promise<number> {
  const { command, id, options } = parse(args)
  if (command === 'help') {
    process.stdout.write(HELP)
    return EXIT.done
  }
  const opened = await openStore(options.store, { create: false })
  try {
    const found = await COMMANDS[command]({ store: opened.store, id, options, output: new Output(options.json) })
    return found ? EXIT.done : EXIT.notFound
  } finally {
    await opened.close()
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!isSessionError(error) && !(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error instanceof UsageError || error.code === 'ERR_SESSION_USAGE' ? EXIT.usage : EXIT.failed
}
