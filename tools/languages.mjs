// Makes a TypeScript module of every .lua and .sql file of src/: `script.lua` becomes `script.lua.ts`, which exports
// its text as SCRIPT_LUA. The modules are checked in, so nothing has to run before the compiler or the tests.
//
//   node tools/languages.mjs                      writes the modules
//   node tools/languages.mjs --check              fails where one is not what its file says
//   node tools/languages.mjs where FILE LINE      says where a line of the text comes from
//
// The text has as many lines as its file; comments and indentation are left out. A text begins on the first line of its
// module, so the line in a server's error message is also the line of the module, in src/ and in dist/. `where` tells
// the file and the line behind it. No string literal may span lines.
//
// A comment that begins with @ directs:
//
//   -- @as-written                                comments and indentation stay, for a text that people read
//   -- @from ./layout.ts MAX_LINE, MAX_TOGETHER   constants of a TypeScript module, which replace these words
//   -- @takes TABLE, FUNCTION                     the module exports a function of these words: ({ TABLE, … }) => text
//   -- @include interpreter.lua                   the lines of another file, which gets no module of its own
//   -- @names known                               the names in the `local` statement below, one a line: see below
//
// Names are declared once and used on both sides. After `-- @names known` follows
//
//   local
//     version, -- what it means
//     hash     -- what it means
//
// The module exports KNOWN = ['version', 'hash']. In the text the word KNOWN stands for `version, hash`, KNOWN_COUNT for
// 2, KNOWN_LIST for the JSON list of their values, which are JSON text, all but the last without commas, and KNOWN_PATTERN
// for the pattern by which string.match takes that list apart again.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const LANGUAGE = /\.(lua|sql)$/
const DIRECTIVE = /^\s*-- @([\w-]+)\s*(.*)$/

/** The lines of a file and of those that it includes, each with where it comes from. */
function linesOf(file, included) {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .flatMap((text, i) => {
      const [, directive, other] = DIRECTIVE.exec(text) ?? []
      if (directive !== 'include') return [{ text, file, line: i + 1 }]
      const path = join(dirname(file), other)
      included.add(path)
      return linesOf(path, included)
    })
}

function moduleOf(file, included) {
  const lines = linesOf(file, included)
  const fail = ({ file, line }, what) => {
    throw new Error(`${file}:${line}: ${what}`)
  }
  const words = new Map()
  const imports = []
  const parameters = []
  const lists = []
  let asWritten = false
  const declare = (at, word, replacement) => {
    if (words.has(word)) fail(at, `${word} is declared twice`)
    words.set(word, { at, replacement, used: false })
  }

  for (const [i, at] of lines.entries()) {
    const [, directive, rest] = DIRECTIVE.exec(at.text) ?? []
    if (directive === 'from') {
      const [, module, names] = /^(\S+) (.+)$/.exec(rest) ?? fail(at, 'write: @from ./module.ts NAME, NAME')
      imports.push({ module, names })
      for (const name of names.split(', ')) declare(at, name, `\${${name}}`)
    } else if (directive === 'takes') {
      parameters.push(...rest.split(', '))
      for (const name of rest.split(', ')) declare(at, name, `\${${name}}`)
    } else if (directive === 'names') {
      const list = rest.toUpperCase()
      const names = namesBelow(lines, i + 1, fail)
      lists.push({ list, names })
      declare(at, list, names.join(', '))
      declare(at, `${list}_COUNT`, String(names.length))
      declare(at, `${list}_LIST`, `'[' .. ${names.join(" .. ',' .. ")} .. ']'`)
      declare(at, `${list}_PATTERN`, `'^%[${'([^,]+),'.repeat(names.length - 1)}(.+)%]$'`)
    } else if (directive === 'as-written') {
      asWritten = true
    } else if (directive) fail(at, `no such directive: @${directive}`)
  }

  const text = lines.map(({ text }) =>
    shown(text, asWritten)
      .replace(/[\\`]|\$(?={)/g, '\\$&')
      .replace(/\b[A-Za-z_]\w*\b/g, (word) => {
        const known = words.get(word)
        if (!known) return word
        known.used = true
        return known.replacement
      }),
  )
  for (const [word, { at, used, replacement }] of words) {
    if (!used && replacement.startsWith('$')) fail(at, `${word} is declared and not used`)
  }

  const name = basename(file)
  const constant = name.replace(/\W/g, '_').toUpperCase()
  const type = `{ ${parameters.map((one) => `${one}: string`).join('; ')} }`
  const head = parameters.length > 0 ? `({ ${parameters.join(', ')} }: ${type}): string =>` : ''
  const code = [
    `/* Made from ${name} by "npm run languages": change that file. Its lines are those of the text: a server counts them. */ export const ${constant}${head ? ` = ${head}` : ': string ='} \`${text.join('\n')}\``,
    ...lists.map(({ list, names }) => `export const ${list} = [${names.map((one) => `'${one}'`).join(', ')}] as const`),
    // Here, because the first line of the text is the module's.
    ...imports.map(({ module, names }) => `import { ${names} } from '${module}'`),
  ]
  return { code: `${code.join('\n')}\n`, lines }
}

/** The names of a `local` statement. */
function namesBelow(lines, from, fail) {
  const names = []
  if (lines[from].text.trim() !== 'local') fail(lines[from], 'after @names comes a line with `local` alone')
  for (let i = from + 1; ; i++) {
    const [, name, more] =
      /^\s*([A-Za-z_]\w*)(,?)\s*(?:--.*)?$/.exec(lines[i]?.text) ?? fail(lines[i], 'one name a line')
    names.push(name)
    if (!more) return names
  }
}

/** The line as it stands in the text. */
function shown(line, asWritten) {
  if (!asWritten) return withoutComment(line).trim()
  return DIRECTIVE.test(line) ? '' : line.trimEnd()
}

/** Not behind a quote, which may be a string's beginning. */
function withoutComment(line) {
  return line.replace(/^([^'"]*?)--.*$/, '$1')
}

const sources = readdirSync('src', { recursive: true })
  .map((name) => join('src', name))
  .filter((name) => LANGUAGE.test(name))
  .sort()
const included = new Set()
const modules = new Map(sources.map((file) => [file, moduleOf(file, included)]))
for (const file of included) modules.delete(file)

const [mode, file, line] = process.argv.slice(2)
if (mode === 'where') {
  const at = modules.get(file)?.lines[line - 1]
  console.log(at ? `${at.file}:${at.line}: ${at.text.trim()}` : `${file} has no line ${line}`)
  process.exitCode = at ? 0 : 1
} else {
  const stale = [...modules].filter(
    ([file, { code }]) => !existsSync(`${file}.ts`) || readFileSync(`${file}.ts`, 'utf8') !== code,
  )
  const orphans = readdirSync('src', { recursive: true })
    .map((name) => join('src', name))
    .filter((name) => /\.(lua|sql)\.ts$/.test(name) && !modules.has(name.slice(0, -3)))
  for (const name of orphans) console.error(`${name} has no file beside it that it is made from: remove it`)
  for (const [file, { code }] of stale) {
    if (mode === '--check') console.error(`${file}.ts is not what ${file} says: run npm run languages`)
    else writeFileSync(`${file}.ts`, code)
  }
  console.log(`${modules.size} texts in Lua and SQL, ${stale.length} ${mode === '--check' ? 'stale' : 'written'}`)
  process.exitCode = orphans.length > 0 || (mode === '--check' && stale.length > 0) ? 1 : 0
}
