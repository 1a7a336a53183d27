import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { examples, root } from './examples.ts'

it('every TypeScript block of the documents compiles', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const files = examples().map(({ file }) => file)
  expect(files.length).toBeGreaterThan(20)
  const program = ts.createProgram(files, { ...options, noEmit: true, declaration: false })
  const host = { getCanonicalFileName: (name: string) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' }
  expect(ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), host)).toBe('')
})
