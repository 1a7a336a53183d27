import assert from 'node:assert/strict'
import type { Store } from '../../../src/contract/store.ts'
import { accepted, type Done } from './store.ts'

const FOREVER = Number.POSITIVE_INFINITY

/** After an explicit rotation, `regenerate` or log-out, nothing that was opened before reads or writes. */
export function endsWhatIsOlder(log: readonly Done[]): void {
  for (const end of log.filter((done) => done.explicit || done.outcome === 'destroyed')) {
    const older = secretsOf(end.id, log).filter(({ at }) => at < end.at)
    for (const done of log) {
      if (done.id !== end.id || done.at <= end.at || !accepted(done) || done.made) continue
      const by = older.find(({ made }) => made === done.hash)
      assert.ok(!by, `${done.call} at ${done.at} went through by a secret of ${by?.at}, which ended at ${end.at}`)
    }
  }
}

type MayBeLive = (id: string, secret: string) => boolean

/** Of one session at most one secret is live, nothing older opens it, and what is live is with whoever may have it. */
export async function oneSecretOpens(store: Store, log: readonly Done[], mayBeLive: MayBeLive): Promise<void> {
  for (const id of new Set(log.map(({ id }) => id))) {
    const live: string[] = []
    const ended = log.filter((done) => done.id === id && done.explicit).at(-1)?.at ?? 0
    for (const { made, at } of secretsOf(id, log)) {
      const answer = await store.load({ id, proof: { hash: made! }, maxLifetime: FOREVER })
      if (answer.outcome !== 'live') continue
      assert.ok(at >= ended, `the secret of ${at} opens the session, and one of ${ended} has ended it`)
      if (answer.secret === 'first' || answer.secret === 'current') live.push(made!)
    }
    assert.ok(live.length <= 1, `${live.length} secrets of one session are live`)
    for (const secret of live) assert.ok(mayBeLive(id, secret), 'somebody else holds the live secret')
  }
}

function secretsOf(id: string, log: readonly Done[]): Done[] {
  return log.filter((done) => done.id === id && done.made !== undefined)
}

/** A form is good for as long as nothing has ended what it was made from; then never again. */
export function formIsGood(id: string, at: number, log: readonly Done[]): boolean {
  return !log.some((done) => done.id === id && done.at > at && (done.explicit || done.outcome === 'destroyed'))
}
