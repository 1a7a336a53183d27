// Mutants that no test can notice, because the code does the same with them, each with the reason. `line` is where it
// stands, without its indentation; `becomes` is what Stryker writes there.

export const EQUIVALENTS = []
