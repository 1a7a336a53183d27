// Middlewares that come without types of their own; those of DefinitelyTyped would bring express-session's.
declare module 'connect-flash'
declare module 'koa-better-flash'
declare module 'koa-csrf'
declare module 'koa-flash'
declare module 'koa-mount'
declare module 'koa-passport'
declare module 'lusca'
declare module 'passport'
declare module 'passport-local'
declare module 'passport06'

/** Express 4, which the types of Express 5 describe well enough. */
declare module 'express4' {
  import express from 'express'
  export default express
}
