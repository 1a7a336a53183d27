/** The part of a collection of the official MongoDB driver, 6 or 7, that the store uses. */
export interface MongoCollection {
  readonly db: { command(command: Document, options?: Document): Promise<Document> }
  readonly readConcern?: { readonly level?: string } | undefined
  readonly writeConcern?: { readonly w?: unknown } | undefined
  findOne(filter: Document, options?: Document): Promise<Document | null>
  find(filter: Document, options?: Document): { toArray(): Promise<Document[]> }
  aggregate(pipeline: Document[], options?: Document): { toArray(): Promise<Document[]> }
  insertOne(document: Document, options?: Document): Promise<unknown>
  updateOne(filter: Document, update: Document, options?: Document): Promise<{ readonly matchedCount: number }>
  findOneAndUpdate(
    filter: Document,
    update: Document,
    options: Document & { includeResultMetadata: false },
  ): Promise<Document | null>
  deleteOne(filter: Document, options?: Document): Promise<{ readonly deletedCount: number }>
  deleteMany(filter: Document, options?: Document): Promise<{ readonly deletedCount: number }>
  createIndex(fields: Document, options?: Document): Promise<unknown>
  indexes(options?: Document): Promise<Document[]>
  options(options?: Document): Promise<Document>
}

// biome-ignore lint/suspicious/noExplicitAny: documents and filters of any shape, as the driver has them
export type Document = any

/**
 * How the store wants its documents written and read, whatever the application's client is set to: each call says so
 * itself. Otherwise numbers come back as `Long` or `BigInt`, `Binary` as `Buffer`, or a session as a buffer.
 */
const BSON = {
  raw: false,
  fieldsAsRaw: {},
  promoteLongs: true,
  promoteValues: true,
  promoteBuffers: false,
  useBigInt64: false,
  bsonRegExp: false,
  ignoreUndefined: false,
  serializeFunctions: false,
} as const

/** A secondary still shows a session that was just destroyed. */
const PRIMARY = { ...BSON, readPreference: 'primary' } as const

/**
 * Levels of read concern that are the application's to choose. The others may show a session that a shard has given away
 * (`available`), or need a transaction (`snapshot`).
 */
const CHOSEN: readonly unknown[] = ['majority', 'linearizable']

/** The collection, asked in the store's own way. */
export function configured(collection: MongoCollection): MongoCollection {
  const read = {
    ...PRIMARY,
    ...(!CHOSEN.includes(collection.readConcern?.level) && { readConcern: { level: 'local' } }),
  }
  // Without an answer nobody knows whether a write was applied.
  const write = { ...BSON, ...(collection.writeConcern?.w === 0 && { writeConcern: { w: 'majority' } }) }
  return {
    db: { command: (command) => collection.db.command(command, PRIMARY) },
    findOne: (filter, options) => collection.findOne(filter, { ...read, ...options }),
    find: (filter, options) => collection.find(filter, { ...read, ...options }),
    aggregate: (pipeline, options) => collection.aggregate(pipeline, { ...read, ...options }),
    insertOne: (document) => collection.insertOne(document, write),
    updateOne: (filter, update) => collection.updateOne(filter, update, write),
    findOneAndUpdate: (filter, update, options) =>
      collection.findOneAndUpdate(filter, update, { ...write, ...options }),
    deleteOne: (filter) => collection.deleteOne(filter, write),
    deleteMany: (filter) => collection.deleteMany(filter, write),
    createIndex: (fields, options) => collection.createIndex(fields, { ...write, ...options }),
    indexes: () => collection.indexes(PRIMARY),
    options: () => collection.options(PRIMARY),
  }
}
