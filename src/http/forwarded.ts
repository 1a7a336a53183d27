import { isIP } from 'node:net'
import { SessionUsageError } from '../errors/index.ts'

/** How many proxies the option `proxy` trusts. */
export function hopsOf(proxy: boolean | number = false): number {
  if (typeof proxy === 'boolean') return Number(proxy)
  if (Number.isSafeInteger(proxy) && proxy > 0) return proxy
  throw new SessionUsageError('proxy must be true, false, or the number of proxies in front of this server')
}

/**
 * What the outermost of the trusted proxies has said. Each proxy appends what it has seen, so everything to the left of
 * that is the client's own word. A list with fewer entries than proxies holds nothing but their words.
 */
export function forwarded(header: string | string[] | undefined, hops: number): string | undefined {
  if (hops === 0 || header === undefined) return undefined
  const said = String(header).split(',')
  return said[Math.max(0, said.length - hops)]?.trim()
}

/** An address as some proxies write it, with a port or in brackets; undefined for what is none. */
export function addressOf(said: string | undefined): string | undefined {
  const match = /^(?:\[([\da-f:.]+)\](?::\d+)?|([\d.]+):\d+)$/i.exec(said ?? '')
  const address = match?.[1] ?? match?.[2] ?? said ?? ''
  return isIP(address) ? address : undefined
}
