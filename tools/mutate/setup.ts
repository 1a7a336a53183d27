import fc from 'fast-check'

// The same cases in every run, so that a rule is noticed by all runs or by none; and the first that fails is enough.
fc.configureGlobal({ seed: 25, endOnFailure: true })
