// What Stryker loads for `npm run mutate`: which texts stay as they are, and who hears of each mutant.

/** Texts for people have spaces. What they say is not a rule, and tests ask for their words where they matter. */
const texts = {
  shouldIgnore({ node }) {
    const parts = node.type === 'TemplateLiteral' ? node.quasis.map(({ value }) => value.raw) : [node.value]
    const said = node.type === 'TemplateLiteral' || node.type === 'StringLiteral' ? parts.join('') : ''
    return said.includes(' ') ? 'a text for people' : undefined
  },
}

/** Who wants to know of each mutant as soon as it was tested. */
export const heard = { mutant: () => {} }

class Telling {
  onMutantTested(result) {
    heard.mutant(result)
  }
}

export const strykerPlugins = [
  { kind: 'Ignore', name: 'texts', value: texts },
  { kind: 'Reporter', name: 'telling', injectableClass: Telling },
]
