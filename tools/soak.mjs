// Load with faults for SOAK_MINUTES (10), and INTERLEAVINGS (100,000) orders of racing requests a store. Where these are
// not 0, also 10,000 requests a store that change a session as an object.
import { spawnSync } from 'node:child_process'

const { SOAK_MINUTES = '10', INTERLEAVINGS = '100000' } = process.env
const env = { ...process.env, SOAK_MINUTES, INTERLEAVINGS }
const files = [
  'test/soak',
  ...(Number(INTERLEAVINGS) > 0 ? ['test/classic/stores', 'test/faults/interleavings', 'test/model'] : []),
]
const { status } = spawnSync('npx', ['vitest', 'run', ...files], { env, stdio: 'inherit' })
process.exit(status ?? 1)
