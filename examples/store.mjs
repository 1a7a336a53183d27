/** Opens the store that a URL names: `memory:`, a SQLite file, or `mongodb://…`. `close` also ends the connection. */
export async function openStore(url) {
  if (url === 'memory:') {
    const { memory } = await import('koa-atomic-session/memory')
    return { store: memory(), close: async () => {} }
  }
  if (/^mongodb(\+srv)?:/.test(url)) {
    const { MongoClient } = await import('mongodb')
    const { mongodb } = await import('koa-atomic-session/mongodb')
    const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 3000 })
    return { store: mongodb(client.db().collection('sessions')), close: () => client.close() }
  }
  const { sqlite } = await import('koa-atomic-session/sqlite')
  const store = sqlite(url.replace(/^sqlite:/, ''))
  return { store, close: () => store.close() }
}
