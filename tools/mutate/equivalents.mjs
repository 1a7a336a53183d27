// Mutants that no test can notice, because the code does the same with them, each with the reason. `line` is where it
// stands, without its indentation; `becomes` is the line as Stryker writes it.

const OPTIONS = [
  ...['store', 'key', 'maxAge', 'maxLifetime', 'touchAfter', 'rotateEvery', 'onReuse', 'secure', 'sameSite', 'domain'],
  ...['persistent', 'path', 'partitioned', 'origin', 'index', 'limit', 'subject', 'pruneEvery', 'adopt', 'client'],
  ...['schema', 'property', 'timeout', 'recheck', 'maxBytes', 'cache'],
]

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
    line: 'if (!result.ok) throw errorOf(result.problem)',
    becomes: ['if (false) throw errorOf(result.problem)'],
    why: 'Whatever is set at the top of nothing fits: this is for the compiler. (In beginning.ts it is noticed.)',
  },
  {
    line: "if (state.kind !== 'live' || !isCurrent(state.secret)) return",
    becomes: [
      "if (state.kind !== 'live' && !isCurrent(state.secret)) return",
      'if (false || !isCurrent(state.secret)) return',
    ],
    why: 'Only a live session has a secret, and one that has just logged in has the current one.',
  },
  {
    line: "const challenge = writeChallenge(id, state.epoch ?? '', until, cookie.name, keygripOf(host.keys()))",
    becomes: [
      'const challenge = writeChallenge(id, state.epoch ?? "Stryker was here!", until, cookie.name, keygripOf(host.keys()))',
    ],
    why: 'A session with the current secret has an epoch: this is for the compiler.',
  },
  {
    line: 'if (!Object.hasOwn(data, CLIENT)) return data',
    becomes: ['if (false) return data'],
    why: 'A copy of data without it shows the same.',
  },
  {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the sources
    line: 'return `${process}${(operations++).toString(36)}`',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the sources
    becomes: ['return `${process}${(operations--).toString(36)}`'],
    why: 'Counted down they are as different.',
  },
  {
    line: "const host = header?.replace(/:\\d{1,5}$/, '').toLowerCase() ?? ''",
    becomes: ['const host = header?.replace(/:\\d{1,5}$/, \'\').toLowerCase() ?? "Stryker was here!"'],
    why: 'Neither is the name of a host.',
  },
  {
    line: "return this.state.kind === 'live' ? this.state.record : undefined",
    becomes: ['return true ? this.state.record : undefined'],
    why: 'Only a live session has a record: this is for the compiler.',
  },
  {
    line: "return 'credential' in state ? state.credential.id : state.kind === 'new' ? state.id : undefined",
    becomes: ["return 'credential' in state ? state.credential.id : true ? state.id : undefined"],
    why: 'What is gone has no id: this is for the compiler.',
  },
  {
    line: "else if (state.kind === 'new' && state.id) this.jar[cookie]({ kind: 'visitor', id: state.id }, undefined)",
    becomes: [
      "else if (true) this.jar[cookie]({ kind: 'visitor', id: state.id }, undefined)",
      "else if (state.kind === 'new' || state.id) this.jar[cookie]({ kind: 'visitor', id: state.id }, undefined)",
      "else if (true && state.id) this.jar[cookie]({ kind: 'visitor', id: state.id }, undefined)",
    ],
    why: 'A cookie is written of a live session or of an open form, which has an id: this is for the compiler.',
  },
  {
    line: 'return (b.authAt ?? b.created) - (a.authAt ?? a.created) || (a.id < b.id ? 1 : -1)',
    becomes: ['return (b.authAt ?? b.created) - (a.authAt ?? a.created) || (a.id <= b.id ? 1 : -1)'],
    why: 'No two sessions have one id.',
  },
  {
    line: "return state.kind === 'live' && state.fresh ? state.record?.data : undefined",
    becomes: [
      'return true && state.fresh ? state.record?.data : undefined',
      "return state.kind === 'live' && state.fresh ? state.record.data : undefined",
    ],
    why: 'Only a live session is fresh, and then it has a record: this is for the compiler.',
  },
  {
    line: 'if (this.#pending && !(this.#pending.slides && this.#pending.maxAge !== maxAge)) return',
    becomes: ['if (this.#pending && !(this.#pending.slides && true)) return'],
    why: 'Signed twice it is the same: this is for speed.',
  },
  {
    line: "return this.#pending?.came === true && this.credential?.kind === 'session'",
    becomes: ["return this.#pending?.came === true && this.credential.kind === 'session'"],
    why: 'What came has a credential: this is for the compiler.',
  },
  {
    line: 'for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false',
    becomes: ['for (let i = 0; i <= a.length; i++) if (a[i] !== b[i]) return false'],
    why: 'Behind the end of two lists of one length there is nothing in either.',
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
  {
    line: 'if (path === undefined || !PATH.test(path)) return',
    becomes: ['if (false || !PATH.test(path)) return'],
    why: "The text 'undefined' is no path: this is for the compiler.",
  },
  {
    line: "for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {",
    becomes: ["for (let at = path.indexOf('/', 1); at >= 0; at = path.indexOf('/', at + 1)) {"],
    why: 'It looks from the second character on, so nothing is found at 0.',
  },
  {
    line: 'for (let begin = 0, end = 1; begin < text.length; begin = end++) {',
    becomes: ['for (let begin = 0, end = 1; begin <= text.length; begin = end++) {'],
    why: 'Behind the end there is nothing to keep.',
  },
  {
    line: "const process = randomBytes(9).toString('base64url')",
    becomes: ['const process = randomBytes(9).toString("")'],
    why: 'Node.js knows no such encoding, so nothing loads; Stryker counts tests that fail, and there is none.',
  },
  {
    line: 'return this.#settings !== undefined || this.#earlier !== NO_EARLIER',
    becomes: ['return true'],
    why: 'A first read that is handed nothing stores nothing, and shows the same.',
  },
  {
    line: '...(!now && authAt !== undefined && { authAt }),',
    becomes: ['...(!now && true && { authAt }),'],
    why: 'A time that is undefined is none, as one that is missing.',
  },
  {
    line: "held: state.kind === 'live' && state.fresh ? state.record : undefined,",
    becomes: ['held: true && state.fresh ? state.record : undefined,'],
    why: 'Only a live session is fresh: this is for the compiler.',
  },
  {
    line: 'if (created !== undefined && Date.now() - created >= settings.maxLifetime) return { data: NO_EARLIER.data, forget }',
    becomes: ['if (true && Date.now() - created >= settings.maxLifetime) return { data: NO_EARLIER.data, forget }'],
    why: 'What began at no time is not older than anything: this is for the compiler.',
  },
  {
    line: 'newest = all.slice(0, limit.max)',
    becomes: ['newest = all'],
    why: 'Who was removed with an earlier page is looked for in vain: this is for speed.',
  },
  {
    line: "state: known({ kind: 'unread', credential }, record, 'current', NOTHING_DUE),",
    becomes: ['state: known({ kind: "", credential }, record, \'current\', NOTHING_DUE),'],
    why: 'What was known before is asked only for a secret in its grace.',
  },
  {
    line: "return state.kind === 'late' && state.unbound",
    becomes: ['return true && state.unbound'],
    why: 'Only a late request is unbound: this is for the compiler.',
  },
  {
    line: 'return this.#queue.empty && this.#shown ? this.#viewed<S>() : this.#load().then(() => this.#viewed<S>())',
    becomes: ['return false ? this.#viewed<S>() : this.#load().then(() => this.#viewed<S>())'],
    why: 'What was read is not read again, so the same is shown a moment later: this is for speed.',
  },
  {
    line: 'if (!this.#queue.empty) await this.#queue.drain()',
    becomes: ['if (true) await this.#queue.drain()'],
    why: 'A queue that is empty is drained at once: this is for speed.',
  },
  {
    line: "function timeOf(entry = '@0'): number {",
    becomes: ['function timeOf(entry = ""): number {'],
    why: 'The number of no text is 0, too.',
  },
  {
    line: 'if (this.#adoption.pending) await this.#begin(EMPTY_STEP, state)',
    becomes: ['if (true) await this.#begin(EMPTY_STEP, state)'],
    why: 'What begins with nothing stores nothing.',
  },
  {
    line: "if (isLogIn(step) && !(state.kind === 'gone' && state.own)) return this.#begin(step, newState())",
    becomes: ['if (isLogIn(step) && !(true && state.own)) return this.#begin(step, newState())'],
    why: 'Only what is gone has an own end: this is for the compiler.',
  },
  {
    line: 'if (!this.record) return',
    becomes: ['if (false) return'],
    why: 'A log-in under a limit asks for the record: this is for the compiler.',
  },
  {
    line: '#context(quiet = false): ChangeContext {',
    becomes: ['#context(quiet = true): ChangeContext {'],
    why: 'Only a step of the application asks for it, and says it.',
  },
  {
    line: "export const NOBODYS: string = hashOf('')",
    becomes: ['export const NOBODYS: string = hashOf("Stryker was here!")'],
    why: 'No cookie can hold that text either.',
  },
  {
    line: '.map((other) => ({ other, edits: distance(name.slice(0, 50).toLowerCase(), other.toLowerCase()) }))',
    becomes: ['.map((other) => ({ other, edits: distance(name.toLowerCase(), other.toLowerCase()) }))'],
    why: 'No option is nearly as long: this is for speed.',
  },
  {
    line: 'if (error instanceof Refusal) fail("subject must be the path of a field: subject: \'user_id\'")',
    becomes: ['if (true) fail("subject must be the path of a field: subject: \'user_id\'")'],
    why: 'A path is refused by nothing else.',
  },
  {
    line: 'if (!isHandover(given)) return Object.keys(given).length === 0 ? NO_EARLIER : { data: dataOf(given) }',
    becomes: ['if (!isHandover(given)) return false ? NO_EARLIER : { data: dataOf(given) }'],
    why: 'An object without fields hands over nothing either.',
  },
  {
    line: 'const ids: string[] = []',
    becomes: ['const ids: string[] = ["Stryker was here"]'],
    why: 'Under an id that nobody has, nothing is found.',
  },
  {
    line: 'for (const stored of this.#sessions.values()) if (holds(stored)) ids.push(stored.id)',
    becomes: ['for (const stored of this.#sessions.values()) if (true) ids.push(stored.id)'],
    why: 'What was found is looked at once more before it is shown or removed: this is for speed.',
  },
  {
    line: 'judged: readonly Command[] = [],',
    becomes: ['judged: readonly Command[] = ["Stryker was here"],'],
    why: 'No command is a text.',
  },
  {
    line: "if (!escaped.includes('%')) return escaped",
    becomes: ['if (false) return escaped', 'if (!escaped.includes("")) return escaped'],
    why: 'A text without a percent sign is read again as it is: this is for speed.',
  },
  {
    line: "if (!structure || (structure.sequence && indexOf(key) < 0)) return 'nothing'",
    becomes: ["if (!structure || (false)) return 'nothing'"],
    why: 'The present arktype itself throws for what is no index of a list.',
  },
  {
    line: 'const copy = hash === undefined ? undefined : this.#kept.get(hash)',
    becomes: ['const copy = false ? undefined : this.#kept.get(hash)'],
    why: 'Nothing is kept without a hash: this is for the compiler.',
  },
  {
    line: 'const before = hash === undefined ? undefined : this.#kept.get(hash)',
    becomes: ['const before = false ? undefined : this.#kept.get(hash)'],
    why: 'Nothing is kept without a hash: this is for the compiler.',
  },
  {
    line: 'if (hash !== undefined) this.#kept.delete(hash)',
    becomes: ['if (true) this.#kept.delete(hash)'],
    why: 'Nothing is kept without a hash: this is for the compiler.',
  },
  {
    line: "if (hash === undefined || (secret !== 'current' && secret !== 'first')) return",
    becomes: ["if (false || (secret !== 'current' && secret !== 'first')) return"],
    why: 'Nothing is looked for without a hash: this is for the compiler.',
  },
  {
    line: 'if (this.#hearers.size === 0) return',
    becomes: ['if (false) return'],
    why: 'Nobody is told: this is for speed.',
  },
  {
    line: 'return ids.flatMap((id) => liveRecord(this.#sessions.get(id), now, maxLifetime) ?? []).filter(holds)',
    becomes: [
      'return ids.flatMap((id) => liveRecord(this.#sessions.get(id), now, maxLifetime) ?? ["Stryker was here"]).filter(holds)',
    ],
    why: 'A text holds no field.',
  },
  {
    line: "const { created, epoch } = state.kind === 'unread' ? { created: undefined, epoch: undefined } : state",
    becomes: [
      'const { created, epoch } = false ? { created: undefined, epoch: undefined } : state',
      'const { created, epoch } = state.kind === "" ? { created: undefined, epoch: undefined } : state',
      "const { created, epoch } = state.kind === 'unread' ? {} : state",
    ],
    why: 'A session that the store was not asked about has neither: this is for the compiler.',
  },
  {
    line: 'return draft.place(path, (old) => extreme(old, command.value, (a, b) => b < a, wrong), wrong)',
    becomes: ['return draft.place(path, (old) => extreme(old, command.value, (a, b) => b <= a, wrong), wrong)'],
    why: 'Of two that are equal either may stay.',
  },
  {
    line: 'return draft.place(path, (old) => extreme(old, command.value, (a, b) => b > a, wrong), wrong)',
    becomes: ['return draft.place(path, (old) => extreme(old, command.value, (a, b) => b >= a, wrong), wrong)'],
    why: 'Of two that are equal either may stay.',
  },
  {
    line: 'if (slice === undefined) return list',
    becomes: ['if (false) return list'],
    why: 'Cut at no place it is whole.',
  },
  {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the sources
    line: "return `{${fields.sort().join(',')}}`",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the sources
    becomes: ['return `{${fields.sort().join("")}}`'],
    why: 'The next key begins with a quote, so it is known where it begins.',
  },
  {
    line: "const index = indexOf(command.path[at] ?? '')",
    becomes: ['const index = indexOf(command.path[at] ?? "Stryker was here!")'],
    why: 'Two paths of a chain differ somewhere: this is for the compiler.',
  },
  {
    line: "return index >= 0 && indexOf(other.path[at] ?? '') > index",
    becomes: [
      'return index >= 0 && indexOf(other.path[at] ?? "Stryker was here!") > index',
      "return index >= 0 && indexOf(other.path[at] ?? '') >= index",
    ],
    why: 'Two paths of a chain differ somewhere, and two keys that differ are not one index.',
  },
  {
    line: 'const index = isList(node) ? indexOf(key) : -1',
    becomes: ['const index = isList(node) ? indexOf(key) : +1'],
    why: 'What is no list is turned away by the next line: this is for the compiler.',
  },
  {
    line: 'while (copy.length < index) copy.push(null)',
    becomes: ['while (copy.length <= index) copy.push(null)'],
    why: 'The last one is written over.',
  },
  {
    line: "if (typeof a === 'string' && typeof b === 'string') return sameText(a, b)",
    becomes: [
      'if (false) return sameText(a, b)',
      'if (typeof a === "" && typeof b === \'string\') return sameText(a, b)',
      'if (typeof a === \'string\' && typeof b === "") return sameText(a, b)',
    ],
    why: 'Its answer is that of ===: this is for the time that it takes.',
  },
  {
    line: 'for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)',
    becomes: ['for (let i = 0; i <= a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)'],
    why: 'Behind the end of two texts of one length there is nothing in either.',
  },
  {
    line: "if (Object.prototype.toString.call(value) !== '[object Date]') return undefined",
    becomes: ['if (false) return undefined'],
    why: 'For what is no Date the next line throws, which gives the same: this is for speed.',
  },
  {
    line: "if (typeof by === 'number' && Number.isFinite(by)) return by === 0 ? 0 : by",
    becomes: ['if (true && Number.isFinite(by)) return by === 0 ? 0 : by'],
    why: 'What is no number is not finite: this is for the compiler.',
  },
  {
    line: "previous: 'TEXT',",
    becomes: ['previous: "",'],
    why: 'SQLite keeps such a value as it is given, whatever type its column names.',
  },
  {
    line: "max_age: 'INTEGER',",
    becomes: ['max_age: "",'],
    why: 'SQLite keeps such a value as it is given, whatever type its column names.',
  },
  {
    line: "auth_at: 'INTEGER',",
    becomes: ['auth_at: "",'],
    why: 'SQLite keeps such a value as it is given, whatever type its column names.',
  },
  {
    line: "device: 'TEXT',",
    becomes: ['device: "",'],
    why: 'SQLite keeps such a value as it is given, whatever type its column names.',
  },
  {
    line: 'const name = Array.isArray(main) ? main[2] : main?.file',
    becomes: ['const name = Array.isArray(main) ? main[2] : main.file'],
    why: 'There is always a main database: this is for the compiler.',
  },
  {
    line: 'return name && identity ? { name, identity } : undefined',
    becomes: [
      'return true ? { name, identity } : undefined',
      'return name || identity ? { name, identity } : undefined',
    ],
    why: 'A database in memory has no file, then and later.',
  },
  {
    line: "return Number(remove.run(keyOf(value), except ?? '', limit).changes)",
    becomes: ['return Number(remove.run(keyOf(value), except ?? "Stryker was here!", limit).changes)'],
    why: 'Neither is an id.',
  },
  {
    line: 'if (this.#listening.size > 0) {',
    becomes: ['if (true) {', 'if (this.#listening.size >= 0) {'],
    why: 'Nobody is told: this is for speed.',
  },
  {
    line: 'if (isThere()) return',
    becomes: ['if (false) return'],
    why: 'It is looked at once more by whoever holds the lock: this is for speed.',
  },
  {
    line: 'if (performance.now() > end) {',
    becomes: ['if (performance.now() >= end) {'],
    why: 'No two readings of this clock have to differ by that.',
  },
  {
    line: 'await new Promise((resolve) => setTimeout(resolve, Math.random() * PATIENCE))',
    becomes: ['await new Promise((resolve) => setTimeout(resolve, Math.random() / PATIENCE))'],
    why: 'It only waits less, and asks more often.',
  },
  {
    line: 'if (known) return known',
    becomes: ['if (false) return known'],
    why: 'Prepared again it is the same statement: this is for speed.',
  },
  {
    line: "ops: row.ops === '' ? [] : row.ops.split(' '),",
    becomes: [
      "ops: false ? [] : row.ops.split(' '),",
      'ops: row.ops === "Stryker was here!" ? [] : row.ops.split(\' \'),',
    ],
    why: "An empty entry is no operation's, and is the first to be forgotten.",
  },
  {
    line: 'export function settingsOf(options: SessionOptions, more: readonly string[] = []): Settings {',
    becomes: [
      'export function settingsOf(options: SessionOptions, more: readonly string[] = ["Stryker was here"]): Settings {',
    ],
    why: 'No option has that name.',
  },
  {
    line: "if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return bytes",
    becomes: ['if (true && Number.isSafeInteger(bytes) && bytes >= 0) return bytes'],
    why: 'What is no number is no safe integer: this is for the compiler.',
  },
  {
    line: 'const [, number, unit] = /^(\\d{1,15}(?:\\.\\d{1,9})?) ?(B|KiB|MiB|GiB)$/.exec(text) ?? []',
    becomes: [
      'const [, number, unit] = /^(\\d{1,15}(?:\\.\\d{1,9})?) ?(B|KiB|MiB|GiB)$/.exec(text) ?? ["Stryker was here"]',
    ],
    why: 'The whole match is not looked at.',
  },
  {
    line: 'return number === undefined ? undefined : Math.round(Number(number) * UNITS[unit as keyof typeof UNITS])',
    becomes: ['return false ? undefined : Math.round(Number(number) * UNITS[unit as keyof typeof UNITS])'],
    why: 'Neither undefined nor what is made of it is a number of bytes.',
  },
  ...OPTIONS.map((name) => ({
    line: `${name}: true,`,
    becomes: [`${name}: false,`],
    why: 'Of the list of all options only the names are read.',
  })),
]
