import type { Entry } from '../api/sessions.ts'
import { vary } from '../cookie/vary.ts'
import { isSafe } from '../csrf/origin.ts'
import { CsrfError } from '../errors/index.ts'
import type { KoaContext } from './exchange.ts'

/** Options of `sessions.csrf()`. */
export interface CsrfOptions {
  /**
   * ctx.request.body?.csrf`, and asks for one of every request that may change something. Never read it from the URL or
   * a cookie: both travel without the page's doing. => Reads the token of a request, `(ctx) => ctx.request.body?.csrf`,
   * and requires one in every request that may change something. Never read it from the URL or a cookie: browsers send
   * both without the page's help. => ctx.request.body?.csrf`, and asks for one of every request that may change
   * something. Never read it from the URL or a cookie: both travel without the page's doing.
   * @default the header X-CSRF-Token, or the field `csrf` of the parsed body, and only if the browser does not say
   * where the request comes from
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly token?: (ctx: any) => unknown
  /** Called instead of refusing, to see on a running application what would be refused. */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly reportOnly?: (error: CsrfError, ctx: any) => void
}

/** The middleware of `sessions.csrf()`. `methodOf` knows the method with which a request arrived. */
export function csrf(
  entryOf: (ctx: KoaContext) => Entry<unknown>,
  methodOf: (ctx: KoaContext) => string | undefined,
  { token, reportOnly }: CsrfOptions,
): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  const tokenOf = token ?? ownToken
  const check = async (ctx: KoaContext) => {
    if (isSafe(methodOf(ctx))) return
    const { visit, handle } = entryOf(ctx)
    const said = visit.assertOrigin()
    if (said && !token) return
    const session = await handle
    session.assertCSRF(tokenOf(ctx))
  }
  return async (ctx, next) => {
    vary(ctx.res, 'Sec-Fetch-Site')
    vary(ctx.res, 'Origin')
    try {
      await check(ctx)
    } catch (error) {
      if (!reportOnly || !(error instanceof CsrfError)) throw error
      reportOnly(error, ctx)
    }
    await next()
  }
}

/** Where a page's script or form sends its token. A body is there if a parser has run before. */
function ownToken(ctx: KoaContext & { readonly request?: { readonly body?: unknown } }): unknown {
  const body = ctx.request?.body as { csrf?: unknown } | null | undefined
  return ctx.req.headers['x-csrf-token'] ?? body?.csrf
}
