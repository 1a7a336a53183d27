import { expect } from 'vitest'
import { type Problem, Refusal } from '../../src/algebra/index.ts'

/** Why it is refused. */
export function problemOf(make: () => unknown): Problem {
  try {
    make()
  } catch (error) {
    if (error instanceof Refusal) return error.problem
    throw error
  }
  return expect.fail('it was taken')
}
