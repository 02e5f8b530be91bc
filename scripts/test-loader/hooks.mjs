// Loads .ts; runs in Node's loader thread.
import { fileURLToPath } from 'node:url'
import { compiled } from './compile.mjs'

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !/\.ts(\?|$)/.test(url)) return nextLoad(url, context)
  // Through the others' hooks: tap notes which files a test loads, for `tap --changed`.
  const { source } = await nextLoad(url, { ...context, format: 'module' })
  return { format: 'module', source: compiled(fileURLToPath(url), String(source)) }
}
