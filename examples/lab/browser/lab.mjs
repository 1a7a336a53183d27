import { CODE } from './code.mjs'
import { Lane } from './lane.mjs'
import { ACTIONS, race } from './race.mjs'

const form = document.querySelector('#controls')
const status = document.querySelector('#status')
const button = form.querySelector('button')
const lanes = ['whole', 'atomic', 'classic'].map((name) => new Lane(name))

function showCode() {
  const { action } = Object.fromEntries(new FormData(form))
  for (const [lane, code] of Object.entries(CODE[action])) {
    document.querySelector(`[data-code="${lane}"]`).textContent = code
  }
}

form.addEventListener('input', () => {
  showCode()
  form.querySelector('output[for=parallel]').textContent = form.parallel.value
  form.querySelector('output[for=slow]').textContent = `${form.slow.value} ms`
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  // Not `disabled`, which would take the focus away from who has pressed it.
  if (button.getAttribute('aria-disabled') !== 'true') run()
})

async function run() {
  const action = new FormData(form).get('action')
  const settings = { action, parallel: Number(form.parallel.value), slow: Number(form.slow.value) }
  button.setAttribute('aria-disabled', 'true')
  status.textContent = ''
  status.classList.add('told')
  try {
    for (const lane of lanes) lane.begin(settings.parallel + (ACTIONS[action].once ? 1 : 0))
    const told = []
    for (const lane of lanes) {
      const span = settings.slow * 1.5 * Math.ceil(settings.parallel / 6)
      const result = await race({ ...settings, lane: lane.name, show: (requests) => lane.draw(requests, span) })
      const verdict = ACTIONS[action][result.lost > 0 ? 'lost' : 'kept'](result.sent, result.lost)
      lane.end(result, verdict)
      told.push(`${lane.title}: ${verdict}.`)
    }
    status.textContent = told.join(' ')
  } catch {
    // The verdicts show what else it says.
    status.classList.remove('told')
    status.textContent = 'The server did not answer. Is it still running?'
  } finally {
    button.removeAttribute('aria-disabled')
  }
}

showCode()
run()
