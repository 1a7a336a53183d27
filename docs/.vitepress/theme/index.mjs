import DefaultTheme from 'vitepress/theme'
import './colours.css'

/** The generator's front page has no main landmark, to which readers of screens jump. */
function mark() {
  document.querySelector('.VPContent.is-home')?.setAttribute('role', 'main')
}

export default {
  extends: DefaultTheme,
  enhanceApp({ router }) {
    if (typeof document === 'undefined') return
    router.onAfterRouteChange = () => requestAnimationFrame(() => requestAnimationFrame(mark))
  },
}
