// Entry of the worker thread that analyses captures: takes AnalyserJobs, posts an AnalyserReply each, until it is ended.
import { parentPort } from 'node:worker_threads'
import { messageOf } from '../../core/errors.ts'
import { analyseCapture } from '../vibration/analyse.ts'
import type { AnalyserJob, AnalyserReply } from './analyser.ts'

parentPort?.on('message', ({ capture }: AnalyserJob) => {
  // The samples go back: whoever asked scores them.
  const buffers = capture.axes.map(({ samples }) => samples.buffer as ArrayBuffer)
  let reply: AnalyserReply
  try {
    reply = { capture, axes: analyseCapture(capture) }
  } catch (error) {
    reply = { error: messageOf(error) }
  }
  parentPort?.postMessage(reply, 'capture' in reply ? buffers : [])
})
