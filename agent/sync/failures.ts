// What went wrong in a refresh, in our codes and in words that say what to do.
import { DownloadError, ExpiredMetadataError, PersistError } from 'tuf-js/dist/error.js'
import { AgentError, messageOf } from '../core/errors.ts'
import type { FetchFailure } from './fetcher.ts'
import { errnoOf } from './files.ts'

const KEPT = 'nothing was installed and the running models stay'

/**
 * `failure` is how the fetcher's latest transfer ended. tuf-js turns what snapshot and targets throw into a RuntimeError
 * that carries only text, hence the looks at foreign messages here and nowhere else.
 */
export function refreshError(
  error: unknown,
  failure: FetchFailure | undefined,
  repository: string,
  root: string,
): AgentError {
  if (error instanceof AgentError) return error
  const text = messageOf(error)
  if (error instanceof ExpiredMetadataError || / is expired$/.test(text)) return expired(text, repository, error)
  if (errnoOf(error) || error instanceof PersistError || text.includes('Failed to persist')) return ioError(error)
  if (failure && (error instanceof DownloadError || text.includes(failure.message))) {
    return transferError(failure, repository, error)
  }
  const what = `the metadata of ${repository} cannot be trusted: ${text}; ${KEPT}`
  const todo = `if its keys were changed on purpose, install the new root.json as ${root}; if not, find out who wrote it`
  return new AgentError('SYNC_UNTRUSTED', `${what}; ${todo}`, { cause: error })
}

export function expired(what: string, repository: string, cause?: unknown): AgentError {
  const todo = 'run "wearwatch publish refresh" where it is published, and check the clock of this gateway'
  return new AgentError('SYNC_EXPIRED', `${repository}: ${what}; ${KEPT}; ${todo}`, { cause })
}

export function ioError(error: unknown): AgentError {
  const what = `cannot keep what sync received: ${messageOf(error)}`
  return new AgentError('SYNC_IO', `${what}; ${KEPT}; free space under storage.dir or mend its rights`, {
    cause: error,
  })
}

function transferError(failure: FetchFailure, repository: string, cause: unknown): AgentError {
  const what = `${failure.url}: ${failure.message}; ${KEPT}`
  if (failure.kind === 'oversize') {
    const todo = `${repository} does not serve what was signed; a web server must answer 404 for files that are missing`
    return new AgentError('SYNC_UNTRUSTED', `${what}; ${todo}`, { cause })
  }
  const todo =
    failure.kind === 'missing'
      ? `check that sync.repository (${repository}) is the folder that "wearwatch publish init" wrote, and that it is mounted`
      : `check the network and the server; the next sync tries again`
  return new AgentError('SYNC_UNREACHABLE', `${what}; ${todo}`, { cause })
}
