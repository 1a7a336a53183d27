// What a page does when its session ends in another tab: it says so, and shows nothing that is no longer true.
const events = new EventSource('/shop/events')
events.addEventListener('ended', () => {
  events.close()
  const notice = document.querySelector('#ended')
  notice.hidden = false
  notice.querySelector('a').focus()
})
addEventListener('pagehide', () => events.close())
