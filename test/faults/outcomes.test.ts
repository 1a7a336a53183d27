import { ReplyError } from 'ioredis'
import {
  BSON,
  type Document,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb'
import pg from 'pg'
import * as nodeRedis from 'redis'
import { describe, expect, it } from 'vitest'
import { outcomeOf as afterMongo } from '../../src/stores/mongodb/outcome.ts'
import { outcomeOf as afterMysql, NotSent, Unanswered } from '../../src/stores/mysql/outcome.ts'
import { outcomeOf as afterPostgres } from '../../src/stores/postgres/client.ts'
import { appliedAfter as afterRedis } from '../../src/stores/redis/client.ts'

/** Each error as its driver makes it, and what became of the change: the drivers' own classes wherever they are public. */
type Table = Record<string, readonly [error: unknown, verdict: string | boolean]>

function check(table: Table, judge: (error: unknown) => unknown): void {
  for (const [name, [error, verdict]] of Object.entries(table))
    it(`${name}: ${verdict}`, () => expect(judge(error)).toBe(verdict))
}
const withCode = (code: string, message = '') => Object.assign(new Error(message), { code })

describe('what an error of the MongoDB driver says of a change', () => {
  const answered = (answer: Document) => new MongoServerError({ message: 'no', ...answer })
  const nothingWritten = new MongoNetworkError('no')
  nothingWritten.addErrorLabel('NoWritesPerformed')
  const named = (name: string) => Object.assign(new Error('no'), { name })
  check(
    {
      'a value on which an operator has no meaning': [answered({ code: 14 }), 'refused'],
      'a field within a scalar': [answered({ code: 28 }), 'refused'],
      'a duplicate key': [answered({ code: 11000 }), 'failed'],
      'a document that the validator refuses': [answered({ code: 121 }), 'failed'],
      'a document that is too large': [answered({ code: 10334 }), 'failed'],
      'no rights': [answered({ code: 13 }), 'failed'],
      ...Object.fromEntries(
        // Behind a mongos, and with retryWrites=false, the server puts no label on them.
        [6, 7, 50, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436].flatMap((code) => [
          [`code ${code} without a label`, [answered({ code }), 'unknown']],
          [`code ${code} as a BSON number`, [answered({ code: new BSON.Int32(code) }), 'unknown']],
          [`code ${code}, and nothing was written`, [answered({ code, errorLabels: ['NoWritesPerformed'] }), 'failed']],
        ]),
      ),
      'a type as a BSON number': [answered({ code: new BSON.Int32(14) }), 'refused'],
      'not the primary, sent again in vain': [
        answered({ code: 10107, errorLabels: ['RetryableWriteError'] }),
        'unknown',
      ],
      'not the primary, and nothing was written': [
        answered({ code: 10107, errorLabels: ['RetryableWriteError', 'NoWritesPerformed'] }),
        'failed',
      ],
      'what BSON can’t say': [new BSON.BSONError('no'), 'failed'],
      // The driver's own second try says these too, after a first one of which nobody knows.
      'no server in time': [new MongoServerSelectionError('no', {} as never), 'unknown'],
      'no connection of the pool in time': [named('MongoWaitQueueTimeoutError'), 'unknown'],
      'a connection that broke': [new MongoNetworkError('no'), 'unknown'],
      'a connection that broke before anything was written': [nothingWritten, 'failed'],
      'no answer in time': [new MongoNetworkTimeoutError('no'), 'unknown'],
      'written, but not by a majority in time': [
        new MongoWriteConcernError({ ok: 1, writeConcernError: { code: 64, errmsg: 'no' } } as never),
        'unknown',
      ],
      'a pool that was cleared': [named('MongoPoolClearedError'), 'unknown'],
      'anything else': [new Error('no'), 'unknown'],
    },
    afterMongo,
  )
})

describe('what an error of pg says of a change', () => {
  const sqlState = (code: string) => Object.assign(new pg.DatabaseError('no', 1, 'error'), { code })
  check(
    {
      'the function’s own refusal': [sqlState('KAS01'), 'refused'],
      'a serialization failure': [sqlState('40001'), 'conflict'],
      'a deadlock': [sqlState('40P01'), 'conflict'],
      'no table yet': [sqlState('42P01'), 'not set up'],
      'no function yet': [sqlState('42883'), 'not set up'],
      'a value that a type can’t have': [sqlState('22P05'), 'failed'],
      'a constraint': [sqlState('23505'), 'failed'],
      'a statement that ran too long': [sqlState('57014'), 'failed'],
      'a disk that is full': [sqlState('53100'), 'failed'],
      'memory that is used up': [sqlState('53200'), 'failed'],
      'too many connections': [sqlState('53300'), 'failed'],
      'a lock that was not free': [sqlState('55P03'), 'failed'],
      'a transaction that was rolled back': [sqlState('40002'), 'failed'],
      'a server that is read-only by now': [sqlState('25006'), 'failed'],
      'a statement of which the server does not know': [sqlState('40003'), 'unknown'],
      'a server told to end': [sqlState('57P01'), 'unknown'],
      'a server that crashed': [sqlState('57P02'), 'unknown'],
      'a server that is starting': [sqlState('57P03'), 'unknown'],
      'a connection that failed': [sqlState('08006'), 'unknown'],
      'a transaction’s end that nobody knows': [sqlState('08007'), 'unknown'],
      'a disk that fails': [sqlState('58030'), 'unknown'],
      'no connection in time, by postgres.js': [withCode('CONNECT_TIMEOUT'), 'failed'],
      'a connection that closed, by postgres.js': [withCode('CONNECTION_CLOSED'), 'unknown'],
      'nobody listens': [withCode('ECONNREFUSED'), 'failed'],
      'no such host': [withCode('ENOTFOUND'), 'failed'],
      'no answer about the host': [withCode('EAI_AGAIN'), 'failed'],
      'a connection that was reset': [withCode('ECONNRESET'), 'unknown'],
      'no free connection in time': [new Error('timeout exceeded when trying to connect'), 'failed'],
      'no new connection in time': [new Error('Connection terminated due to connection timeout'), 'failed'],
      'no answer in time': [new Error('Query read timeout'), 'unknown'],
      'a connection that broke': [new Error('Connection terminated unexpectedly'), 'unknown'],
      'a connection that was ended': [new Error('Connection terminated'), 'unknown'],
    },
    afterPostgres,
  )
})

describe('what an error of mysql2 says of a change', () => {
  const answered = (errno: number, sqlState: string) => Object.assign(new Error('no'), { errno, sqlState })
  check(
    {
      'a deadlock, or another node of a cluster was first': [answered(1213, '40001'), 'conflict'],
      'a row that is newer than the snapshot': [answered(1020, 'HY000'), 'conflict'],
      'a table that was changed': [answered(1615, 'HY000'), 'conflict'],
      'a group that chose another change': [answered(3101, '40000'), 'conflict'],
      'no table yet': [answered(1146, '42S02'), 'not set up'],
      'no column yet': [answered(1054, '42S22'), 'not set up'],
      'a value that a column can’t have': [answered(1406, '22001'), 'failed'],
      'a text that a column can’t have': [answered(1366, '22007'), 'failed'],
      'a constraint': [answered(4025, '23000'), 'failed'],
      'a lock that was not free in time': [answered(1205, 'HY000'), 'failed'],
      'a disk that is full': [answered(1021, 'HY000'), 'failed'],
      'a table that is full': [answered(1114, 'HY000'), 'failed'],
      'a server that is read-only by now': [answered(1290, 'HY000'), 'failed'],
      'a transaction that may only read': [answered(1792, '25006'), 'failed'],
      'too many connections': [answered(1040, '08004'), 'failed'],
      'no rights': [answered(1142, '42000'), 'failed'],
      'a node that has left its cluster': [answered(1047, '08S01'), 'failed'],
      'a packet that is too large': [answered(1153, '08S01'), 'failed'],
      'a statement that ran too long': [answered(1969, '70100'), 'failed'],
      'a statement that was killed': [answered(1317, '70100'), 'unknown'],
      'a connection that was killed': [answered(1927, '70100'), 'unknown'],
      'a server told to end': [answered(1053, '08S01'), 'unknown'],
      'a commit that failed': [answered(1180, 'HY000'), 'unknown'],
      'an error that nobody knows': [answered(1105, 'HY000'), 'unknown'],
      'no connection was to be had': [new NotSent(withCode('ECONNREFUSED')), 'failed'],
      'a connection that was closed before': [
        new Error("Can't add new command when connection is in closed state"),
        'failed',
      ],
      'no answer in time': [new Unanswered('no answer in time'), 'unknown'],
      'a connection that broke': [withCode('PROTOCOL_CONNECTION_LOST'), 'unknown'],
      'a connection that was reset': [withCode('ECONNRESET'), 'unknown'],
    },
    afterMysql,
  )
})

describe('what an error of a Redis client says of a change', () => {
  const replies = {
    'a script that it does not know': 'NOSCRIPT No matching script. Please use EVAL.',
    'a server that became a replica': "READONLY You can't write against a read only replica.",
    'a server that is loading': 'LOADING Redis is loading the dataset in memory',
    'a server that is busy with a script': 'BUSY Redis is busy running a script.',
    'too few replicas': 'NOREPLICAS Not enough good replicas to write.',
    'no memory': "OOM command not allowed when used memory > 'maxmemory'.",
    'a cluster that is down': 'CLUSTERDOWN The cluster is down',
    'a slot that has moved': 'MOVED 3999 127.0.0.1:6381',
    'a primary that is gone': "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'a disk that fails':
      'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.',
    'no rights': "NOPERM this user has no permissions to run the 'evalsha' command",
    'any other refusal': 'ERR unknown command',
  }
  for (const [name, text] of Object.entries(replies)) {
    check(
      {
        [`${name}, by node-redis`]: [new nodeRedis.SimpleError(text), false],
        [`${name}, by ioredis`]: [new ReplyError(text), false],
      },
      afterRedis,
    )
  }
  check(
    {
      'nobody listens': [withCode('ECONNREFUSED'), false],
      'node-redis is closed': [new nodeRedis.ClientClosedError(), false],
      'node-redis is offline': [new nodeRedis.ClientOfflineError(), false],
      'no client of the pool in time': [new nodeRedis.TimeoutError('Timeout waiting for a client after 500ms'), false],
      'ioredis is offline and does not queue': [
        new Error("Stream isn't writeable and enableOfflineQueue options is false"),
        false,
      ],
      'a connection of node-redis that broke': [new nodeRedis.SocketClosedUnexpectedlyError(), 'unknown'],
      'a connection of node-redis that said nothing': [new nodeRedis.SocketTimeoutError(1000), 'unknown'],
      'a client that is told to end': [new nodeRedis.DisconnectsClientError(), 'unknown'],
      'a connection of ioredis that broke': [new Error('Connection is closed.'), 'unknown'],
      'no answer in time, by ioredis': [new Error('Command timed out'), 'unknown'],
      'ioredis has tried often enough': [
        new Error('Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option.'),
        'unknown',
      ],
      'a connection that was reset': [withCode('ECONNRESET', 'read ECONNRESET'), 'unknown'],
    },
    afterRedis,
  )
})
