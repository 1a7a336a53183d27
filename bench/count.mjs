// Runs under callgrind, started by instructions.mjs: each part so often, with a mark before and after.
import { getPriority } from 'node:os'
import { PARTS, WHOLES } from './parts.mjs'

const [rounds, times] = process.argv.slice(2).map(Number)

/** callgrind writes what it has counted since the last mark whenever this function of libuv is entered. */
const mark = () => getPriority()

for (const { work } of Object.values({ ...PARTS, ...WHOLES })) {
  for (let i = 0; i < times; i++) await work()
  // A collection in between would count as the part's.
  gc()
  for (let round = 0; round < rounds; round++) {
    mark()
    for (let i = 0; i < times; i++) await work()
  }
  mark()
}
