/** `POST /start`, `/count` and so on below a lane's prefix, each answered with `{ answer }` or `{ refused: true }`. */
export function laneRoutes(app, actions) {
  app.use(async (ctx) => {
    const action = ctx.path.split('/').at(-1)
    if (!Object.hasOwn(actions, action)) return
    if (ctx.method !== (action === 'state' ? 'GET' : 'POST')) ctx.throw(405)
    const slow = Math.min(Number(ctx.query.slow) || 0, 2000)
    const slowly = () => new Promise((resolve) => setTimeout(resolve, slow * (0.5 + Math.random())))
    try {
      const answer = await actions[action](ctx, { item: String(ctx.query.item).slice(0, 20), slowly })
      ctx.body = { answer: answer ?? null }
    } catch (error) {
      // A request that is refused because nobody is logged in any more is a result that the lab is there to show.
      if (error.status !== 401 && error.code !== 'ERR_SESSION_GONE') throw error
      ctx.body = { refused: true }
    }
  })
  return app.callback()
}
