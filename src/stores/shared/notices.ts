import type { Notice, SessionRecord } from '../../contract/store.ts'

/**
 * A notice from the text in which a database sends it: when the session began, and what has become of it. Undefined for a
 * text that is none of ours.
 */
function readNotice(id: string, text: string): Notice | undefined {
  const [, created, what] = /^(\d+) (gone|rotated|\d+)$/.exec(text) ?? []
  if (created === undefined) return undefined
  return { id, created: Number(created), what: what === 'gone' || what === 'rotated' ? what : Number(what) }
}

/** Takes messages about sessions, of which those that are notices are heard. `id` is undefined for one that nobody follows. */
export function heardBy(hear: (notice: Notice) => void): (id: string | undefined, message: string) => void {
  return (id, message) => {
    const notice = id === undefined ? undefined : readNotice(id, message)
    if (notice) hear(notice)
  }
}

/** What of a session tells what has become of it. */
export type Shape = Pick<SessionRecord, 'created' | 'version' | 'epoch'>

/** What has become of a session; undefined for nothing that is told. `after` is undefined where it is gone. */
export function whatOf(before: Shape, after: Shape | undefined): Notice['what'] | undefined {
  if (!after || after.created !== before.created) return 'gone'
  if (after.epoch !== before.epoch) return 'rotated'
  return after.version === before.version ? undefined : after.version
}
