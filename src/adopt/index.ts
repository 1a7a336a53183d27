/**
 * Migrating from express-session and koa-session without logging anybody out: what the option `adopt` takes, ready-made.
 *
 * @module koa-atomic-session/adopt
 */
export type { ClearCookie, Handover, OldPlace } from '../settings/options.ts'
export { type AdoptExpressOptions, adoptExpressSession, type ExpressRequest } from './express.ts'
export { type AdoptKoaOptions, adoptKoaSession, type KoaContext } from './koa.ts'
export type { OldStore } from './store.ts'
