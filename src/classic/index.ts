/**
 * The session as a plain object, as koa-session and express-session show it, over atomic commands: for code that exists.
 *
 * @module koa-atomic-session/classic
 */
export { type ClassicExpressSession, classicExpress } from './express.ts'
export { type ClassicFetch, type ClassicFetchSession, classicFetch } from './fetch.ts'
export { type ClassicSession, classic } from './koa.ts'
export type { ClassicOptions } from './options.ts'
