// Mutants that no test can notice, because the code does the same with them, each with the reason. `line` is where it
// stands, without its indentation; `becomes` is the line as Stryker writes it.

export const EQUIVALENTS = [
  {
    line: 'if (change.repeatedSince !== undefined && !isTouch(change) && forgets(found.ops, change.repeatedSince)) {',
    becomes: ['if (true && !isTouch(change) && forgets(found.ops, change.repeatedSince)) {'],
    why: 'No time is later than undefined, so nothing is forgotten.',
  },
  {
    line: "const secret = judged.live ? judged.secret : 'superseded'",
    becomes: ['const secret = judged.live ? judged.secret : ""'],
    why: 'Only a log-in that is sent again gets there, and it answers with its new secret.',
  },
  {
    line: 'return this.#settings !== undefined',
    becomes: ['return true'],
    why: 'A first read that is handed nothing stores nothing, and shows the same.',
  },
  {
    line: 'const call = { over: false }',
    becomes: ['const call = {}'],
    why: 'What is undefined is not over either.',
  },
  {
    line: "return loaded.outcome === 'live' ? loaded.record : undefined",
    becomes: ['return true ? loaded.record : undefined'],
    why: 'An answer that is not live has no record.',
  },
  {
    line: "if (typeof result === 'object' && result !== null && 'now' in result && typeof result.now === 'number') {",
    becomes: [
      "if (typeof result === 'object' && true && 'now' in result && typeof result.now === 'number') {",
      "if (typeof result === 'object' && result !== null && 'now' in result && true) {",
    ],
    why: 'No store answers null, and a time is a number: this is for the compiler.',
  },
]
