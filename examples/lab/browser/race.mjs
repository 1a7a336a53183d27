/** What of a race counts as kept, by what each lane's session holds afterwards. */
export const ACTIONS = {
  count: {
    changes: (state) => state.views ?? 0,
    kept: (sent) => `all ${sent} views counted`,
    lost: (sent, lost) => `${lost} of ${sent} views lost`,
  },
  cart: {
    changes: (state) => state.cart?.length ?? 0,
    kept: (sent) => `all ${sent} things are in the cart`,
    lost: (sent, lost) => `${lost} of ${sent} things lost`,
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
    kept: () => 'the privilege is gone',
    lost: () => 'administrator again',
  },
}

/** A browser sends six requests at once to one host; the one in between must not have to wait. */
const BESIDE_ANOTHER = 5

/**
 * One race on one lane: a fresh session, then all requests at once. `show` is called for each request as it begins
 * and ends. Answers what was sent and what the session has kept of it.
 */
export async function race({ lane, action, parallel, slow, show }) {
  const { once, changes } = ACTIONS[action]
  const send = (path, method = 'POST') => fetch(`/lab/${lane}/${path}`, { method })
  await send('start')

  const began = performance.now()
  const requests = []
  const run = async (label, path) => {
    const request = { label, from: performance.now() - began, to: undefined, answer: undefined, ok: undefined }
    requests.push(request)
    show(requests)
    const response = await send(path)
    request.to = performance.now() - began
    request.ok = response.ok
    request.answer = response.ok ? (await response.json()).answer : undefined
    show(requests)
  }
  const count = once ? Math.min(parallel, BESIDE_ANOTHER) : parallel
  const path = (i) => (action === 'cart' ? `cart?item=thing-${i}&slow=${slow}` : `count?slow=${slow}`)
  const running = Array.from({ length: count }, (_, i) => run(`request ${i + 1}`, path(i + 1)))
  if (once) {
    await new Promise((resolve) => setTimeout(resolve, slow / 4))
    running.push(run(once === 'logout' ? 'log out' : 'drop the privilege', once))
  }
  await Promise.all(running)

  const state = (await (await send('state', 'GET')).json()).answer
  const sent = once ? 1 : parallel
  const kept = Math.min(changes(state), sent)
  mark(requests, { action, once, state, kept })
  show(requests)
  return { sent, kept, lost: sent - kept }
}

/** Says of each request whether its own change is still there. */
function mark(requests, { action, once, state, kept }) {
  const counted = new Set()
  for (const request of requests) {
    if (once) {
      const mattered = !request.label.startsWith('request')
      request.outcome = mattered ? (kept ? 'kept' : 'lost') : request.ok ? 'done' : 'refused'
    } else if (action === 'cart') {
      request.outcome = state.cart?.includes(`thing-${request.label.split(' ')[1]}`) ? 'kept' : 'lost'
    } else {
      // Two requests that both made it 3 have counted one view between them.
      request.outcome = request.answer <= kept && !counted.has(request.answer) ? 'kept' : 'lost'
      counted.add(request.answer)
    }
  }
}
