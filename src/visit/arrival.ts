const ARRIVED = Symbol('koa-atomic-session.arrived')

/** When a request arrived, by `performance.now()`: the first call for it notes the time. */
export function arrivalOf(request: object & { [ARRIVED]?: number }): number {
  request[ARRIVED] ??= performance.now()
  return request[ARRIVED]
}
