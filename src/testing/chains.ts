import fc from 'fast-check'
import { type Chain, type Condition, condition, EMPTY_CHAIN, extend, onlyIf, Refusal } from '../algebra/index.ts'
import { path, value } from './arbitraries.ts'
import { RANDOM } from './examples.ts'

const command = fc.oneof(...Object.values(RANDOM))

const anyCondition: fc.Arbitrary<Condition> = fc
  .tuple(path, fc.oneof(value, fc.constant(undefined)))
  .map(([at, v]) => condition(at, v))

/** Chains of commands that don't touch each other's places, now and then under a condition, with one `take` at most. */
export const chain: fc.Arbitrary<Chain> = fc
  .tuple(
    fc.array(command, { minLength: 1, maxLength: 4 }),
    fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, fc.array(anyCondition, { maxLength: 2 })),
  )
  .map(([candidates, conditions]) => {
    let built = EMPTY_CHAIN
    for (const candidate of candidates) {
      if (candidate.kind === 'take' && built.commands.some(({ kind }) => kind === 'take')) continue
      try {
        built = extend(built, [candidate])
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
      }
    }
    return conditions.reduce(onlyIf, built)
  })
  .filter(({ commands: list }) => list.length > 0)
