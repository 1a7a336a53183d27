import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import config from '../../vitest.config.ts'
import { warm } from './warm.ts'

const { MUTATE_TESTS = 'test/' } = process.env

const paths = MUTATE_TESTS.split(',')

/** The files in the order in which MUTATE_TESTS names them: those that notice most, and are fast, come first. */
class AsNamed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const at = ({ moduleId }: TestSpecification) => paths.findIndex((path) => moduleId.includes(`/${path}`))
    return files.sort((one, other) => at(one) - at(other))
  }
}

/** The suite as `npm run mutate` runs it: the files of MUTATE_TESTS in one worker, which loads each module once. */
export default defineConfig({
  ...config,
  plugins: [warm],
  test: {
    ...config.test,
    include: paths.map((path) => (path.endsWith('/') ? `${path}**/*.test.ts` : `${path}.test.ts`)),
    // It needs what was built.
    exclude: ['test/koa/pruning.test.ts'],
    globalSetup: ['tools/mutate/servers.ts'],
    setupFiles: ['tools/mutate/setup.ts'],
    isolate: false,
    fileParallelism: false,
    sequence: { sequencer: AsNamed },
    reporters: [],
    // A broken rule may be one that ends a test. None takes a second; a busy machine may make ten of that.
    testTimeout: 10_000,
    hookTimeout: 30_000,
  },
})
