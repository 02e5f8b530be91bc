// Why a provider could not be had, in words a person at a gateway can act on.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import type { Provider } from './contract.ts'

const REASON_CHARS_MAX = 300

/**
 * ONNX Runtime throws `Failed to load shared library` and prints which one to stderr. dlopen says it to us: with the
 * library in place the error names the first dependency that is missing (`libcudart.so.13: cannot open shared object
 * file`). Only called after ONNX Runtime itself has failed with the library.
 */
export function reasonFor(provider: Provider, error: unknown): string {
  const text = messageOf(error)
  if (!/Failed to load (shared )?library/.test(text)) return shorten(text)
  const folder = runtimeFolder()
  const library = `libonnxruntime_providers_${provider}.so`
  for (const name of ['libonnxruntime_providers_shared.so', library]) {
    if (!existsSync(join(folder, name))) return `${library} not installed (stock onnxruntime-node has none)`
  }
  return (
    missingLibrary(dlopenError(join(folder, 'libonnxruntime_providers_shared.so'))) ??
    missingLibrary(dlopenError(join(folder, library))) ??
    `${library} could not be loaded: ${shorten(text)}`
  )
}

/** `libcudart.so.13: cannot open shared object file: No such file or directory` -> `libcudart.so.13 not found`. */
export function missingLibrary(dlerror: string): string | undefined {
  const found = /^(\S+): cannot open shared object file/m.exec(dlerror)
  if (found) return `${found[1]} not found`
  // "Module did not self-register" is what Node says to a library that loads but is no Node module: not the cause.
  return /self-register/.test(dlerror) || dlerror === '' ? undefined : shorten(dlerror)
}

/** One line, without ONNX Runtime's source paths and function signatures. */
export function shorten(text: string): string {
  const line = text
    .replace(/\/onnxruntime_src\/\S+ /g, '')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > REASON_CHARS_MAX ? `${line.slice(0, REASON_CHARS_MAX)}…` : line
}

function dlopenError(path: string): string {
  try {
    process.dlopen({ exports: {} }, path)
    return ''
  } catch (error) {
    return messageOf(error)
  }
}

function runtimeFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node')
  return join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch)
}
