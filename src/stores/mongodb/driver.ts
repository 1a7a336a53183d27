import { SessionUsageError } from '../../errors/index.ts'
import type { MongoCollection } from './client.ts'

/** What else an application may have at hand: each is told from a collection by what it alone has. */
// biome-ignore lint/suspicious/noExplicitAny: whatever was passed
type Anything = any

/** The collection, if it is one of the official driver. */
export function accepted(collection: MongoCollection): MongoCollection {
  const given: Anything = collection
  const mistake = mistakeIn(given)
  if (mistake) throw new SessionUsageError(`The mongodb store takes a collection of the driver, ${mistake}`)
  if (typeof given.db?.command !== 'function') {
    throw new SessionUsageError(
      'The mongodb store needs version 6.20 or later of the driver, or 7: npm install mongodb@7',
    )
  }
  return collection
}

function mistakeIn(given: Anything): string | undefined {
  if (typeof given?.modelName === 'string' || (typeof given?.conn === 'object' && given.conn !== null)) {
    return "and this is Mongoose's own: mongodb(mongoose.connection.db.collection('sessions')), once it is connected"
  }
  if (typeof given?.findOneAndUpdate === 'function') return undefined
  if (typeof given?.getClient === 'function') {
    return "and this is a connection of Mongoose: mongodb(connection.db.collection('sessions')), once it is connected"
  }
  if (typeof given?.collection === 'function') return "and this is a database: mongodb(db.collection('sessions'))"
  if (typeof given?.db === 'function') return "and this is a client: mongodb(client.db().collection('sessions'))"
  return "such as client.db().collection('sessions')"
}
