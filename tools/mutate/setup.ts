import fc from 'fast-check'
import { inject } from 'vitest'

// The same cases in every run, so all runs notice a rule or none does; and the first that fails is enough.
fc.configureGlobal({ seed: 25, endOnFailure: true })

// No mutant is active while test files are loaded, as in a thread that has seen none, except for one that only counts then.
const told = inject as (name: string) => string
if (told('mutantActivation') !== 'static') {
  const all = globalThis as Record<string, unknown>
  const stryker = all[told('globalNamespace')] as { activeMutant?: string } | undefined
  if (stryker) delete stryker.activeMutant
}
