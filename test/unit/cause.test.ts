import Libsql from 'libsql'
import { BSON, MongoNetworkError, MongoServerError, MongoWriteConcernError } from 'mongodb'
import pg from 'pg'
import { TimeoutError } from 'redis'
import { describe, expect, it } from 'vitest'
import { StoreError } from '../../src/errors/index.ts'

const CARD = '4111-1111-1111-1111'
const told = (error: unknown, telling = {}) =>
  new StoreError('x', 'failed', false, error, telling).message.replace('The x store ', '')

function thrown(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
const sqlState = (code: string, message: string) =>
  Object.assign(new pg.DatabaseError(message, 1, 'error'), { severity: 'ERROR', code })
const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })
const system = (code: string, message: string) => Object.assign(new Error(message), { code, errno: -1 })
const both = Object.assign(
  new AggregateError([system('ECONNREFUSED', 'connect ECONNREFUSED ::1:5432'), new Error('another')]),
  { code: 'ECONNREFUSED' },
)

/** An error of each driver, and what an operator reads of it where nothing else is printed. */
const TABLE: Record<string, readonly [error: unknown, message: string]> = {
  'nobody listens': [
    system('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432'),
    'failed: connect ECONNREFUSED 127.0.0.1:5432',
  ],
  'nobody listens at any address of a host': [both, 'failed: connect ECONNREFUSED ::1:5432'],
  'a certificate': [
    system('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
    'failed: SELF_SIGNED_CERT_IN_CHAIN self-signed certificate in certificate chain',
  ],
  'a driver that speaks of its connection': [
    new MongoNetworkError('connection 3 to 127.0.0.1:27017 closed'),
    'failed: connection 3 to 127.0.0.1:27017 closed',
  ],
  'MongoDB: no rights': [
    new MongoServerError({ message: `not authorized: { card: "${CARD}" }`, code: 13, codeName: 'Unauthorized' }),
    'failed: MongoServerError 13 Unauthorized',
  ],
  'MongoDB: a code without a name': [
    new MongoServerError({ message: CARD, code: 8000 }),
    'failed: MongoServerError 8000',
  ],
  'MongoDB: not durable': [
    new MongoWriteConcernError({
      ok: 1,
      writeConcernError: { code: 64, codeName: 'WriteConcernTimeout', errmsg: CARD },
    } as never),
    'failed: MongoWriteConcernError 64 WriteConcernTimeout',
  ],
  'MongoDB: BSON of another driver': [
    new BSON.BSONVersionError(),
    'failed: Unsupported BSON version, bson types must be from bson 7.x.x',
  ],
  'MongoDB: BSON': [new BSON.BSONError(CARD), 'failed: BSONError'],
  'PostgreSQL: no rights': [
    sqlState('42501', 'permission denied for table sessions'),
    'failed: 42501 permission denied for table sessions',
  ],
  'PostgreSQL: a row': [sqlState('23514', `new row violates "${CARD}"`), 'failed: 23514'],
  'PostgreSQL: a value': [sqlState('22P02', `invalid input syntax for type json: "${CARD}"`), 'failed: 22P02'],
  'Redis: a replica': [
    reply("READONLY You can't write against a read only replica."),
    "failed: READONLY You can't write against a read only replica.",
  ],
  'Redis: memory': [
    reply("OOM command not allowed when used memory > 'maxmemory'."),
    "failed: OOM command not allowed when used memory > 'maxmemory'.",
  ],
  'Redis: a command that was not sent in time, by node-redis': [new TimeoutError(), 'failed: TimeoutError'],
  'Redis: no rights for a command': [
    reply("NOPERM User app has no permissions to run the 'evalsha' command"),
    "failed: NOPERM User app has no permissions to run the 'evalsha' command",
  ],
  'Redis 6: no rights for a command': [
    reply("NOPERM this user has no permissions to run the 'evalsha' command or its subcommand"),
    "failed: NOPERM this user has no permissions to run the 'evalsha' command",
  ],
  'Redis: no rights for a key': [
    reply(`NOPERM User app has no permissions to access the '${CARD}' key`),
    'failed: NOPERM (what it says is left out: it can quote a session)',
  ],
  'Redis: a command with its arguments': [
    reply(`ERR unknown command 'EVALSHA', with args beginning with: '${CARD}'`),
    "failed: ERR unknown command 'EVALSHA'",
  ],
  'Redis: anything else': [reply(`ERR bad ${CARD}`), 'failed: ERR (what it says is left out: it can quote a session)'],
  'SQLite: a table of its own': [
    thrown(() => new Libsql(':memory:').prepare('SELECT 1 FROM missing')),
    'failed: SQLITE_ERROR no such table: missing',
  ],
  'a program’s fault': [new TypeError('x is not a function'), 'failed: TypeError: x is not a function'],
  'what was stored is damaged': [thrown(() => JSON.parse(`x${CARD}`)), 'failed: SyntaxError'],
  'nothing at all': [{}, 'failed: no reason given'],
  'more than a line': [new Error(`first\n${CARD}`), 'failed: first'],
  'a URL with a password': [
    new Error(`no route to redis://app:${CARD}@host:1/`),
    'failed: no route to redis://host:1/',
  ],
}

describe('the message of a StoreError says why', () => {
  it.each(Object.entries(TABLE))('%s', (_, [error, message]) => {
    expect(told(error)).toBe(message)
    expect(message).not.toContain(CARD)
  })

  it('is bounded', () => {
    expect(told(new Error('x'.repeat(5000))).length).toBeLessThan(400)
  })

  it('advises what to do for one code', () => {
    const error = sqlState('42P01', 'relation "sessions" does not exist')
    expect(told(error, { advice: 'call await sessions.ensureIndex() once' })).toBe(
      'failed: 42P01 relation "sessions" does not exist; call await sessions.ensureIndex() once',
    )
  })

  it('tells the whole sentence where nothing of a session was sent', () => {
    const error = new MongoServerError({ message: 'An index is there', code: 85, codeName: 'IndexOptionsConflict' })
    expect(told(error, { whole: true })).toBe('failed: MongoServerError 85 IndexOptionsConflict: An index is there')
  })

  it('says nothing twice', () => {
    const error = new Error('no answer')
    expect(new StoreError('x', "can't be opened: no answer", false, error).message).toBe(
      "The x store can't be opened: no answer",
    )
  })
})
