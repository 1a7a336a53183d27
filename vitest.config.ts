import { defineConfig } from 'vitest/config'

const here = (path: string): string => new URL(path, import.meta.url).pathname

export default defineConfig({
  resolve: {
    // The documents' examples import the package by its name; here that name means these sources.
    alias: [
      { find: /^koa-atomic-session$/, replacement: here('./src/index.ts') },
      { find: /^koa-atomic-session\/testing$/, replacement: here('./src/testing/index.ts') },
      { find: /^koa-atomic-session\/http$/, replacement: here('./src/http/index.ts') },
      { find: /^koa-atomic-session\/(adopt|classic|dbsc|passport|fetch)$/, replacement: here('./src/$1/index.ts') },
      { find: /^koa-atomic-session\/open$/, replacement: here('./src/stores/open.ts') },
      { find: /^koa-atomic-session\/(\w+)$/, replacement: here('./src/stores/$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // It takes as long as it is told to: npm run soak.
    exclude: process.env.SOAK_MINUTES ? [] : ['test/soak/**'],
    globalSetup: ['test/servers/setup.ts'],
    // One more than two cores: many tests wait, for a driver to give up or a browser to answer.
    maxWorkers: 3,
    // For a machine that is slow and busy: what takes seconds here may take minutes there.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // The table of the stores closes the run. JSON is for a program that counts.
    reporters: ['default', './test/servers/table.ts', ...(process.env.VITEST_REPORT ? ['json'] : [])],
    outputFile: { json: process.env.VITEST_REPORT ?? '' },
  },
})
