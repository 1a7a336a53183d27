import type { Notice } from '../../contract/store.ts'

/**
 * A notice from the text in which a database sends it: when the session began, and what has become of it. Undefined for a
 * text that is none of ours.
 */
export function readNotice(id: string, text: string): Notice | undefined {
  const [, created, what] = /^(\d+) (gone|rotated|\d+)$/.exec(text) ?? []
  if (created === undefined) return undefined
  return { id, created: Number(created), what: what === 'gone' || what === 'rotated' ? what : Number(what) }
}
