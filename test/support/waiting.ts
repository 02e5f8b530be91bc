// Tests wait for what happens, never for time to pass.

/** Between looks, ms: dense at first; asking a daemon a hundred times a second would be its main load. */
const LOOK_FIRST_MS = 2
const LOOK_CAP_MS = 40

/** Polls on the event loop until `condition` holds; rejects after `limitMs` with what was awaited. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 20_000,
): Promise<void> {
  const endMs = performance.now() + limitMs
  let lookMs = LOOK_FIRST_MS
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`gave up after ${limitMs} ms waiting for ${what}`)
    await new Promise(resolve => setTimeout(resolve, lookMs))
    lookMs = Math.min(LOOK_CAP_MS, lookMs * 1.3)
  }
}
