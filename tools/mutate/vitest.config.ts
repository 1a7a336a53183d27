import { defineConfig } from 'vitest/config'
import config from '../../vitest.config.ts'

const { MUTATE_TESTS = 'test/' } = process.env

/** The suite as `npm run mutate` runs it: the files of MUTATE_TESTS in one worker, which loads each module once. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: MUTATE_TESTS.split(',').map((path) => (path.endsWith('/') ? `${path}**/*.test.ts` : `${path}.test.ts`)),
    // It needs what was built.
    exclude: ['test/koa/pruning.test.ts'],
    setupFiles: ['tools/mutate/setup.ts'],
    isolate: false,
    fileParallelism: false,
    reporters: [],
    // A broken rule may be one that ends a test.
    testTimeout: 15_000,
    hookTimeout: 15_000,
  },
})
