// Files named on the command line. One that cannot be read or written is no wrong usage and no refusal: exit code 3.
import { readFileSync, statSync } from 'node:fs'
import { AgentError, messageOf } from '../core/errors.ts'
import type { ModelFile } from '../models/contract.ts'
import { MODEL_BYTES_MAX, parseModelFile } from '../models/file/model-file.ts'

/** The whole file. Throws FILE_UNREADABLE: not there, not readable, a folder, or longer than `bytesMax`. */
export function readInput(path: string, bytesMax = Number.POSITIVE_INFINITY): Uint8Array {
  try {
    // Looked at first, so that a disk image named by mistake is not read into memory.
    const { size } = statSync(path)
    if (size > bytesMax) throw new Error(`it has ${size} bytes, at most ${bytesMax} are read`)
    return readFileSync(path)
  } catch (cause) {
    throw new AgentError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(cause)}; name a readable file`, { cause })
  }
}

/** As `readInput`, UTF-8. */
export function readInputText(path: string): string {
  return new TextDecoder().decode(readInput(path))
}

/** A model file named on the command line. Throws FILE_UNREADABLE, MODEL_UNREADABLE or MODEL_CONTRACT. */
export function readModelInput(path: string): ModelFile {
  return parseModelFile(readInput(path, MODEL_BYTES_MAX), 'file', path)
}

/** Thrown where a file or folder that a command was told to write cannot be. */
export function unwritable(path: string, cause: unknown, advice = 'name another place'): AgentError {
  return new AgentError('FILE_UNWRITABLE', `cannot write ${path}: ${messageOf(cause)}; ${advice}`, { cause })
}
