import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { root, writeAlone, writeDeclarations, writeDocstrings, writeExamples } from './examples.ts'

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
const host = { getCanonicalFileName: (name: string) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' }

function diagnosticsOf(files: readonly string[]): string {
  const program = ts.createProgram(files, { ...options, noEmit: true, declaration: false })
  return ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), host)
}

// The compiler takes long where the machine has other things to do.
const TIMEOUT = 240_000

it('every TypeScript block of the documents compiles', { timeout: TIMEOUT }, () => {
  const files = writeExamples()
  expect(files.length).toBeGreaterThan(20)
  expect(new Set(files).size).toBe(files.length)
  expect(diagnosticsOf([...files, ...writeDeclarations()])).toBe('')
})

it('every TypeScript block that declares something for a whole program compiles alone', { timeout: TIMEOUT }, () => {
  const files = writeAlone()
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) expect(diagnosticsOf([file])).toBe('')
})

// In a program of their own: one of them augments SessionData, which holds for a whole program.
it('every example in a docstring compiles', { timeout: TIMEOUT }, () => {
  const files = writeDocstrings()
  expect(files.length).toBeGreaterThan(30)
  expect(diagnosticsOf(files)).toBe('')
})
