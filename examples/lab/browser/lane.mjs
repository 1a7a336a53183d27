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
    this.#element.querySelector('.timeline').replaceChildren(
      ...requests.map(({ label, number, from, to, outcome }) => {
        const item = document.createElement('li')
        const bar = document.createElement('span')
        bar.style.setProperty('--from', from / whole)
        bar.style.setProperty('--length', Math.max((to ?? now) - from, whole / 100) / whole)
        const word = document.createElement('span')
        word.className = number ? 'one-of-many' : 'alone'
        word.textContent = `${label} `
        bar.append(`${SIGN[outcome] ?? ''} `, word, number ?? '')
        item.dataset.outcome = outcome ?? (to ? 'answered' : 'running')
        const told = document.createElement('span')
        told.className = 'told'
        told.textContent = to ? `: ${Math.round(from)} to ${Math.round(to)} ms, ${outcome ?? 'answered'}` : ': running'
        item.append(bar, told)
        return item
      }),
    )
  }

  begin() {
    this.#say('\u00a0', 'running')
    this.#element.querySelector('.timeline').replaceChildren()
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

  #say(text, state) {
    this.#element.dataset.state = state
    this.#element.querySelector('.verdict').textContent = text
  }
}
