import { accessFromOutside } from '../contract/record.ts'
import type { SessionRecord } from '../contract/store.ts'
import type { CookieJar } from '../cookie/jar.ts'
import type { Asking } from '../delivery/reliable.ts'
import type { Adoption } from './adoption.ts'
import type { Host } from './exchange.ts'

/** The earlier session goes once this one is stored. If it can't go, this one does, so the visitor keeps the earlier one. */
export async function handedOver(
  record: SessionRecord,
  adoption: Adoption,
  jar: CookieJar,
  host: Pick<Host, 'reliable' | 'settings' | 'background'>,
  asking: Asking,
): Promise<void> {
  try {
    await adoption.done(jar)
  } catch (error) {
    const access = accessFromOutside(record, host.settings.maxLifetime)
    // Nobody has its cookie. What stays expires.
    await host.reliable.destroy(access, asking).catch((failure) => host.background(failure))
    throw error
  }
}
