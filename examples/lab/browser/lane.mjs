const SIGN = { kept: '✓', lost: '✗', refused: '–', done: '·' }

/** What the page shows of one lane: its time line, its verdict and the sum of all races. */
export class Lane {
  #element
  #total = { sent: 0, kept: 0, lost: 0 }

  constructor(name) {
    this.name = name
    this.#element = document.querySelector(`[data-lane="${name}"]`)
  }

  get title() {
    return this.#element.querySelector('h2').textContent
  }

  /** Draws the requests as they overlap; `span` is the time that the whole width stands for. */
  draw(requests, span) {
    const now = Math.max(...requests.map(({ from, to }) => to ?? from))
    const whole = Math.max(span, now)
    this.#element
      .querySelector('.timeline')
      .replaceChildren(...requests.map((request) => itemOf(request, { now, whole })))
    this.#axis(whole)
  }

  /** Room for all requests, so nothing below moves while they come. */
  begin(rows) {
    this.#say('\u00a0', 'running')
    const timeline = this.#element.querySelector('.timeline')
    timeline.style.setProperty('--rows', rows)
    timeline.replaceChildren()
  }

  end({ sent, kept, lost }, verdict) {
    this.#total.sent += sent
    this.#total.kept += kept
    this.#total.lost += lost
    for (const [name, value] of Object.entries(this.#total)) {
      this.#element.querySelector(`[data-count="${name}"]`).textContent = value
    }
    this.#say(verdict, lost > 0 ? 'lost' : 'kept')
  }

  #axis(whole) {
    const ticks = [0, whole / 2, whole].map((ms, i) => {
      const tick = document.createElement('span')
      tick.textContent = i === 2 ? `${Math.round(ms)} ms` : String(Math.round(ms))
      return tick
    })
    this.#element.querySelector('.axis').replaceChildren(...ticks)
  }

  #say(text, state) {
    this.#element.dataset.state = state
    this.#element.querySelector('.verdict').textContent = text
  }
}

function itemOf({ label, number, from, to, outcome, marks }, { now, whole }) {
  const item = document.createElement('li')
  item.dataset.outcome = outcome ?? (to ? 'answered' : 'running')
  const bar = document.createElement('span')
  bar.style.setProperty('--from', from / whole)
  bar.style.setProperty('--length', Math.max((to ?? now) - from, whole / 100) / whole)
  // Before all bars, where none is too short for it.
  const text = document.createElement('span')
  text.className = 'label'
  const word = document.createElement('span')
  word.className = number ? 'one-of-many' : 'alone'
  word.textContent = `${label} `
  text.append(`${SIGN[outcome] ?? ''} `, word, number ?? '')
  const told = document.createElement('span')
  told.className = 'told'
  told.textContent = to ? `: ${Math.round(from)} to ${Math.round(to)} ms, ${outcome ?? 'answered'}` : ': running'
  item.append(bar, text, told, ...marksOf(marks, { from, to: to ?? now, whole }))
  return item
}

/** Where the request read the session and where it wrote; nothing where it did not. */
function marksOf(marks = {}, { from, to, whole }) {
  return ['read', 'write']
    .filter((name) => typeof marks[name] === 'number')
    .map((name) => {
      const mark = document.createElement('i')
      mark.className = `mark ${name}`
      mark.style.setProperty('--at', Math.min(from + marks[name], to) / whole)
      return mark
    })
}
