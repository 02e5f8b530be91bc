// Entry of the worker thread that fits: takes one FitJob, posts one FitReply, ends.
import { parentPort, workerData } from 'node:worker_threads'
import { AgentError, messageOf } from '../../core/errors.ts'
import { fitModel } from './fit.ts'
import { fitBands } from './fit-bands.ts'
import type { FitJob, FitReply } from './fit-worker.ts'

const job = workerData as FitJob
let reply: FitReply
try {
  reply = { result: job.kind === 'rows' ? fitModel(job.data, job.options) : fitBands(job.data, job.options) }
} catch (error) {
  // An error that crosses threads loses its class, so its code goes beside its text.
  reply = { error: { code: error instanceof AgentError ? error.code : 'FIT_FAILED', message: messageOf(error) } }
}
parentPort?.postMessage(reply)
