// Entry of the worker thread that analyses captures: takes RawCaptures, posts an AnalyserReply each, until it is ended.
import { parentPort } from 'node:worker_threads'
import { messageOf } from '../../core/errors.ts'
import { analyseCapture, type RawCapture, toCapture } from '../vibration/analyse.ts'
import type { AnalyserReply } from './analyser.ts'

parentPort?.on('message', (raw: RawCapture) => {
  try {
    const capture = toCapture(raw)
    const reply: AnalyserReply = { capture, axes: analyseCapture(capture) }
    // The samples go along: whoever asked scores them.
    parentPort?.postMessage(
      reply,
      capture.axes.map(({ samples }) => samples.buffer as ArrayBuffer),
    )
  } catch (error) {
    parentPort?.postMessage({ error: messageOf(error) } satisfies AnalyserReply)
  }
})
