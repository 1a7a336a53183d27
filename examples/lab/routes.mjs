/**
 * `POST /start`, `/count` and so on below a lane's prefix, each answered with `{ answer }` or `{ refused: true }`, and with
 * `marks`: after how many milliseconds the request had read the session, and when it wrote.
 */
export function laneRoutes(app, actions) {
  app.use(async (ctx) => {
    const action = ctx.path.split('/').at(-1)
    if (!Object.hasOwn(actions, action)) return
    if (ctx.method !== (action === 'state' ? 'GET' : 'POST')) ctx.throw(405)
    const slow = Math.min(Number(ctx.query.slow) || 0, 2000)
    const began = performance.now()
    const marks = {}
    // What is slow lies between reading and writing, as a mail or another service does.
    const slowly = async () => {
      marks.read = performance.now() - began
      await new Promise((resolve) => setTimeout(resolve, slow * (0.5 + Math.random())))
    }
    try {
      const answer = await actions[action](ctx, { item: String(ctx.query.item).slice(0, 20), slowly })
      marks.write = performance.now() - began
      ctx.body = { answer: answer ?? null, marks }
    } catch (error) {
      // A request that is refused because nobody is logged in any more is a result that the lab is there to show.
      if (error.status !== 401 && error.code !== 'ERR_SESSION_GONE') throw error
      ctx.body = { refused: true, marks }
    }
  })
  return app.callback()
}
