/** A promise that a test settles itself, to hold a request at a known place. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Something that a request waits for, and the test can see that it does. */
export class Gate {
  readonly #arrival = gate()
  readonly #way = gate()
  readonly reached: Promise<void> = this.#arrival.opened

  pass(): Promise<void> {
    this.#arrival.open()
    return this.#way.opened
  }

  open(): void {
    this.#way.open()
  }
}
