/**
 * The session as a plain object, as koa-session and express-session show it, over atomic commands: for code that exists.
 *
 * @module koa-atomic-session/classic
 */
export type { KoaSessions } from '../koa/index.ts'
export { type ClassicOptions, type ClassicSession, classic } from './koa.ts'
