import { parsePath } from '../../algebra/index.ts'
import { SessionUsageError } from '../../errors/index.ts'
import type { Document, MongoCollection } from './client.ts'
import { field } from './compile.ts'
import { codeOf } from './outcome.ts'

const UNAUTHORIZED = 13
const NAMESPACE_NOT_FOUND = 26

/**
 * Checks the collection and creates the indexes that it lacks: the TTL index on `expires`, and one for each indexed
 * field. Looks first, because an index that does the same under another name is as good, and can't be made twice.
 *
 * @throws `SessionUsageError` for a collection that can't hold sessions.
 */
export async function prepare(collection: MongoCollection, fields: readonly string[]): Promise<void> {
  check(await optionsOf(collection))
  const indexes = await indexesOf(collection)
  if (!hasTtl(indexes)) await collection.createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
  for (const key of fields) {
    const at = field(parsePath(key))
    if (indexes.some((index) => serves(index, at))) continue
    // With the id, so a page is read in its order. A sparse index would do as well, but is outside the Stable API.
    await collection.createIndex({ [at]: 1, _id: 1 }, { partialFilterExpression: { [at]: { $exists: true } } })
  }
}

/** What the collection was created with; nothing where it is not there yet, or where we may not ask. */
async function optionsOf(collection: MongoCollection): Promise<Document> {
  try {
    return await collection.options()
  } catch (error) {
    // The driver's own error says that there is no such collection.
    if ((error as Error).name === 'MongoAPIError' || codeOf(error) === UNAUTHORIZED) return {}
    throw error
  }
}

function check({ viewOn, timeseries, capped, collation }: Document): void {
  const refuse = (what: string, why: string): never => {
    throw new SessionUsageError(`The mongodb store can't keep sessions in a ${what}: ${why}; pass another collection`)
  }
  if (viewOn !== undefined) refuse('view', 'nothing can be written to one')
  if (timeseries !== undefined) refuse('time series collection', 'its documents can hardly be changed')
  if (capped) refuse('capped collection', 'it drops sessions that are alive')
  if (collation !== undefined && collation.locale !== 'simple') {
    refuse('collection with a collation', 'different ids and values would count as equal')
  }
}

/** The indexes that are there; none where the collection is not there yet. */
async function indexesOf(collection: MongoCollection): Promise<readonly Document[]> {
  try {
    return await collection.indexes()
  } catch (error) {
    // Who may not look lets the server judge what is created.
    if (codeOf(error) === NAMESPACE_NOT_FOUND || codeOf(error) === UNAUTHORIZED) return []
    throw error
  }
}

/** Whether an index removes what has expired; one that does so later, or never, is a fault to be told. */
function hasTtl(indexes: readonly Document[]): boolean {
  const found = indexes.find((index) => isOn(index, 'expires'))
  if (!found) return false
  const { name, expireAfterSeconds, partialFilterExpression } = found
  if (Number(expireAfterSeconds) === 0 && expireAfterSeconds !== null && partialFilterExpression === undefined) {
    return true
  }
  const what =
    expireAfterSeconds === undefined || expireAfterSeconds === null
      ? 'never removes anything'
      : partialFilterExpression !== undefined
        ? 'removes only some of them'
        : `removes them only after another ${expireAfterSeconds} seconds`
  throw new SessionUsageError(
    `The collection has an index on the time when sessions expire that ${what}: drop it with dropIndex('${name}'), and call ensureIndex() again`,
  )
}

/**
 * Whether an index finds the documents by this field: it holds all of those that have it, by exact equality. One of an
 * earlier version, without the id, does so too: another one beside it would take time and rights.
 */
function serves(index: Document, at: string): boolean {
  const { hidden, collation, partialFilterExpression: partial } = index
  if (!isBy(index, at) || hidden) return false
  if (collation !== undefined && collation.locale !== 'simple') return false
  return partial === undefined || (Object.keys(partial).length === 1 && partial[at]?.$exists === true)
}

/** An index on this field alone, in either direction. */
function isOn({ key }: Document, at: string): boolean {
  return Object.keys(key).length === 1 && Math.abs(Number(key[at])) === 1
}

/** An index that begins with this field, with the id behind it or alone. */
function isBy({ key }: Document, at: string): boolean {
  const [first, second] = Object.keys(key)
  return first === at && Math.abs(Number(key[at])) === 1 && (second === undefined || second === '_id')
}
