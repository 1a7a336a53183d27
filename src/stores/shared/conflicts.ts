/** Each try of all the changes that meet lets one of them through, so this many at once succeed. */
export const MAX_TRIES = 300

/** Waits between two tries of a change that met another one: longer each time and at random, so one of many gets through. */
export function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(tries, 20)))
}

/** Sends a statement again, after a pause, as often as the server undoes it for another one. */
export async function retried<T>(send: () => Promise<T>, isUndone: (error: unknown) => boolean): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send()
    } catch (error) {
      if (!isUndone(error) || tries === MAX_TRIES) throw error
    }
    await pause(tries)
  }
}
