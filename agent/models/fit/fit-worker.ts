import { Worker } from 'node:worker_threads'
import { builtFile } from '../../core/built.ts'
import type { Clock } from '../../core/clock.ts'
import { AgentError, type ErrorCode, messageOf } from '../../core/errors.ts'
import type { CaptureData, CaptureFitOptions, FitData, FitOptions, FitResult } from '../contract.ts'

export type FitJob =
  | { kind: 'rows'; data: FitData; options: FitOptions }
  | { kind: 'captures'; data: CaptureData; options: CaptureFitOptions }
export type FitReply = { result: FitResult } | { error: { code: ErrorCode; message: string } }

export interface FitWorkerOptions {
  signal?: AbortSignal
  /** A fit that takes longer is ended; on `clock`. */
  deadlineMs: number
  clock: Clock
}

// Heap of the thread. The arrays of a fit lie outside it (and are bounded by the limits in fit.ts): 24,000 x 38 needed 30 MB.
const HEAP_MB = 256

/**
 * fitModel in a thread of its own, so that ingest and scoring go on meanwhile. `data.values` and `data.breaks` move to the
 * thread and are empty afterwards, unless they are views into a larger buffer, which are copied.
 *
 * Rejects with what fitModel throws (FIT_INSUFFICIENT), or AgentError FIT_FAILED: ended by `signal` or deadline, out of
 * memory, or a bug in the fit.
 */
export function fitInWorker(data: FitData, options: FitOptions, run: FitWorkerOptions): Promise<FitResult> {
  const values = movable(data.values)
  const breaks = movable(data.breaks)
  return runJob({ kind: 'rows', data: { ...data, values, breaks }, options }, [values.buffer, breaks.buffer], run)
}

/** fitBands likewise; `data.captures` moves. */
export function fitCapturesInWorker(
  data: CaptureData,
  options: CaptureFitOptions,
  run: FitWorkerOptions,
): Promise<FitResult> {
  const captures = movable(data.captures)
  return runJob({ kind: 'captures', data: { ...data, captures }, options }, [captures.buffer], run)
}

function runJob(job: FitJob, transferList: ArrayBuffer[], run: FitWorkerOptions): Promise<FitResult> {
  const failed = (why: string, cause?: unknown): AgentError =>
    new AgentError('FIT_FAILED', `fitting ${job.data.source} ${why}`, { cause })
  return new Promise((resolve, reject) => {
    if (run.signal?.aborted) return reject(failed('was stopped before it began.'))
    const worker = new Worker(builtFile('models/fit/fit-thread.js'), {
      workerData: job,
      transferList,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 32 },
      // The flags of a test runner's loader are not for the built file.
      execArgv: [],
    })
    const settle = (act: () => void): void => {
      cancelDeadline()
      run.signal?.removeEventListener('abort', onAbort)
      // The first outcome wins: later ones find the promise settled.
      act()
      void worker.terminate()
    }
    const onAbort = (): void => settle(() => reject(failed('was stopped.')))
    const cancelDeadline = run.clock.after(run.deadlineMs, () =>
      settle(() =>
        reject(
          failed(
            `took longer than ${run.deadlineMs / 1000} s and was ended; ${job.kind === 'rows' ? 'lower the order' : 'fit fewer captures'}.`,
          ),
        ),
      ),
    )
    run.signal?.addEventListener('abort', onAbort, { once: true })
    worker.once('message', (reply: FitReply) =>
      settle(() =>
        'result' in reply ? resolve(reply.result) : reject(new AgentError(reply.error.code, reply.error.message)),
      ),
    )
    worker.once('error', error => settle(() => reject(failed(`failed: ${messageOf(error)}`, error))))
    worker.once('exit', code => settle(() => reject(failed(`ended without a result (exit code ${code}).`))))
  })
}

/** The array itself where it owns its buffer, else a copy: moving a view would empty its neighbours too. */
function movable<T extends Float64Array | Float32Array | Uint8Array>(array: T): T & { buffer: ArrayBuffer } {
  const owns = array.buffer instanceof ArrayBuffer && array.byteLength === array.buffer.byteLength
  return (owns ? array : array.slice()) as T & { buffer: ArrayBuffer }
}
