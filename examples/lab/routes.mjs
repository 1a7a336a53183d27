/** `POST /start`, `/count` and so on below a lane's prefix, each answered with what its function gives, as JSON. */
export function laneRoutes(app, actions) {
  // A request that is refused because its session is gone is what the lab is there to show.
  app.silent = true
  app.use(async (ctx) => {
    const action = ctx.path.split('/').at(-1)
    if (!Object.hasOwn(actions, action)) return
    if (ctx.method !== (action === 'state' ? 'GET' : 'POST')) ctx.throw(405)
    const slow = Math.min(Number(ctx.query.slow) || 0, 2000)
    const slowly = () => new Promise((resolve) => setTimeout(resolve, slow * (0.5 + Math.random())))
    const answer = await actions[action](ctx, { item: String(ctx.query.item).slice(0, 20), slowly })
    ctx.body = { answer: answer ?? null }
  })
  return app.callback()
}
