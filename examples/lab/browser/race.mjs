/** What of a race counts as kept, by what each lane's session holds afterwards. */
export const ACTIONS = {
  count: {
    changes: (state) => state.views ?? 0,
    kept: (sent) => `all ${sent} views counted`,
    lost: (sent, lost) => `${lost} of ${sent} views lost`,
  },
  cart: {
    changes: (state) => state.cart?.length ?? 0,
    kept: (sent) => `all ${sent} items are in the cart`,
    lost: (sent, lost) => `${lost} of ${sent} items lost`,
  },
  logout: {
    once: 'logout',
    changes: (state) => (state.name ? 0 : 1),
    kept: () => 'logged out',
    lost: () => 'logged out, and back again',
  },
  drop: {
    once: 'drop',
    changes: (state) => (state.admin ? 0 : 1),
    kept: () => 'the role is gone',
    lost: () => 'admin again',
  },
}

/**
 * A browser sends so many requests at once to one host. Those beyond would wait in it unseen, and be drawn as if they
 * overlapped: they wait here.
 */
const AT_ONCE = 6

/**
 * One race on one lane: a fresh session, then the requests, as many at once as a browser sends. `show` is called as
 * each begins and ends. Answers what was sent and what the session has kept of it.
 */
export async function race({ lane, action, parallel, slow, show }) {
  const { once, changes } = ACTIONS[action]
  const send = async (path, method = 'POST') => (await fetch(`/lab/${lane}/${path}`, { method })).json()
  performance.clearResourceTimings()
  await send('start')

  const began = performance.now()
  const requests = []
  const run = async (path, label, number) => {
    const request = { path, label, number, from: performance.now() - began, to: undefined }
    requests.push(request)
    show(requests)
    const { answer, refused, marks } = await send(path)
    Object.assign(request, { to: performance.now() - began, answer, refused, marks })
    show(requests)
  }
  const waiting = Array.from({ length: parallel }, (_, i) => {
    const change = action === 'cart' ? `cart?item=thing-${i + 1}` : `count?number=${i + 1}`
    return [`${change}&slow=${slow}`, 'request', i + 1]
  })
  const oneAfterAnother = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await run(...next)
  }
  // The one in between finds a connection free.
  const running = Array.from({ length: once ? AT_ONCE - 1 : AT_ONCE }, oneAfterAnother)
  if (once) {
    await new Promise((resolve) => setTimeout(resolve, slow / 4))
    running.push(run(once, once === 'logout' ? 'log out' : 'drop role'))
  }
  await Promise.all(running)

  const state = (await send('state', 'GET')).answer
  const sent = once ? 1 : parallel
  const kept = Math.min(changes(state), sent)
  for (const request of requests) measure(request, lane, began)
  mark(requests, { action, once, state, kept })
  show(requests)
  return { sent, kept, lost: sent - kept }
}

/** The browser's own times: a request that had to wait for a connection, say for another tab's, began later than it was asked for. */
function measure(request, lane, began) {
  const [timing] = performance.getEntriesByName(new URL(`/lab/${lane}/${request.path}`, location.href).href)
  if (!timing?.requestStart) return
  request.from = timing.requestStart - began
  request.to = timing.responseEnd - began
}

/** Says of each request whether its own change is still there. */
function mark(requests, { action, once, state, kept }) {
  const counted = new Set()
  for (const request of requests) {
    if (once) {
      const mattered = request.number === undefined
      request.outcome = mattered ? (kept ? 'kept' : 'lost') : request.refused ? 'refused' : 'done'
    } else if (action === 'cart') {
      request.outcome = state.cart?.includes(`thing-${request.number}`) ? 'kept' : 'lost'
    } else {
      // Two requests that both made it 3 have counted one view between them, unless all are counted: a request may know
      // only of its own.
      const all = kept === requests.length
      request.outcome = all || (request.answer <= kept && !counted.has(request.answer)) ? 'kept' : 'lost'
      counted.add(request.answer)
    }
  }
}
