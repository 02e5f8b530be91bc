// Captures by schedule: one contiguous piece of every axis, begun together, now and then.
import type { WaveformBlock } from '../core/types.ts'

/** Axes that begin later than this after the first did not see the same thing. */
const TOGETHER_US = 1e6
/** A longer one ends a stretch: blocks arrive 2 s late at most before their times are laid anew (decode/waveform-timeline.ts). */
const SILENCE_US = 3e6

export interface CaptureAxis {
  /** Column of the channel. */
  channel: number
  type: 'int16' | 'float32'
  samples: number
}

/** Borrowed for the call. */
export interface Capture {
  /** Of the first sample of the first axis; of the last sample. */
  startUs: number
  endUs: number
  axes: {
    channel: number
    startUs: number
    rateHz: number
    samples: Int16Array | Float32Array
    scale: number
    offset: number
  }[]
}

interface Slot extends CaptureAxis {
  buffer: Int16Array | Float32Array
  filled: number
  startUs: number
  rateHz: number
  scale: number
  offset: number
  supply: Supply
}

/**
 * When the supply of a sensor may have come on. A stream that begins, or comes back after a silence, may be one whose sensor was
 * just switched on. Not so a sender that keeps silent between its captures: then each stretch is too short to settle in at all.
 */
class Supply {
  readonly #settleUs: number
  /** Begin and end of the newest stretch without a silence. */
  #fromUs = Number.NaN
  #toUs = Number.NaN
  /** No capture begins before. */
  settledUs = Number.NEGATIVE_INFINITY

  constructor(settleUs: number) {
    this.#settleUs = settleUs
  }

  /** A block [fromUs, toUs) came; captures take `lengthUs`. */
  block(fromUs: number, toUs: number, lengthUs: number): void {
    const silenceUs = fromUs - this.#toUs
    const first = Number.isNaN(silenceUs)
    if (first || Math.abs(silenceUs) > SILENCE_US) {
      const stream = this.#toUs - this.#fromUs > this.#settleUs + lengthUs
      // The clock was set back: what is left to settle is left.
      if (silenceUs < 0) this.settledUs += silenceUs
      else if (first || stream) this.settledUs = fromUs + this.#settleUs
      this.#fromUs = fromUs
    }
    this.#toUs = toUs
  }
}

/**
 * Cuts a capture every `everyUs`. A gap in one axis voids what all of them gathered, and the next contiguous stretch is taken at
 * once: a capture with a hole in it is not a capture. None begins within `settleUs` of a start of the stream.
 */
export class CaptureCutter {
  readonly #slots: Slot[]
  readonly #everyUs: number
  /** No capture begins before. */
  #dueUs = Number.NEGATIVE_INFINITY
  /** Begin of the one being taken; NaN between captures. */
  #startUs = Number.NaN
  /** One is wanted beside those that are due. */
  #extra = false

  constructor(axes: readonly CaptureAxis[], everyUs: number, settleUs = 0) {
    this.#everyUs = everyUs
    this.#slots = axes.map(axis => ({
      ...axis,
      buffer: axis.type === 'int16' ? new Int16Array(axis.samples) : new Float32Array(axis.samples),
      filled: 0,
      startUs: 0,
      rateHz: 0,
      scale: 1,
      offset: 0,
      supply: new Supply(settleUs),
    }))
  }

  /** The next contiguous stretch is a capture, whatever is due; those that are due come as they would. False: never mind. */
  takeNow(wanted = true): void {
    this.#extra = wanted
  }

  /** What was gathered does not join what comes next. */
  void(): void {
    this.#startUs = Number.NaN
    for (const slot of this.#slots) slot.filled = 0
  }

  push(block: WaveformBlock, onCapture: (capture: Capture) => void): void {
    const slot = this.#slots.find(({ channel }) => channel === block.channel)
    if (!slot) return
    const stepUs = 1e6 / block.rateHz
    const lengthUs = slot.samples * stepUs
    slot.supply.block(block.startUs, block.startUs + block.samples.length * stepUs, lengthUs)
    // The clock was set back: waiting for the old time to come round would leave the machine unwatched for as long.
    if (block.startUs < this.#dueUs - this.#everyUs) this.#dueUs = Number.NEGATIVE_INFINITY
    const broken = block.gap || Math.abs(block.startUs - (slot.startUs + slot.filled * stepUs)) > TOGETHER_US
    if (broken && slot.filled > 0 && slot.filled < slot.samples) this.void()
    // Another axis has fallen silent.
    if (slot.filled === slot.samples && block.startUs > this.#startUs + 2 * lengthUs + TOGETHER_US) this.void()
    for (let at = 0; at < block.samples.length; ) {
      if (slot.filled === slot.samples) return
      if (slot.filled === 0) {
        at = this.#begin(slot, block, at, stepUs)
        if (at >= block.samples.length) return
      }
      const take = Math.min(slot.samples - slot.filled, block.samples.length - at)
      slot.buffer.set(block.samples.subarray(at, at + take), slot.filled)
      slot.filled += take
      at += take
      if (this.#slots.every(({ filled, samples }) => filled === samples)) this.#finish(onCapture, stepUs)
    }
  }

  /** Index of the sample that a capture begins with; beyond the block where none in it may. */
  #begin(slot: Slot, block: WaveformBlock, from: number, stepUs: number): number {
    const dueUs = this.#extra ? Number.NEGATIVE_INFINITY : this.#dueUs
    const openedUs = Number.isNaN(this.#startUs) ? dueUs : this.#startUs
    const notBeforeUs = Math.max(openedUs, slot.supply.settledUs)
    const at = Math.max(from, Math.ceil((notBeforeUs - block.startUs) / stepUs - 1e-6))
    if (at >= block.samples.length) return at
    const startUs = block.startUs + at * stepUs
    if (startUs - this.#startUs > TOGETHER_US) this.void()
    if (Number.isNaN(this.#startUs)) this.#startUs = startUs
    slot.startUs = startUs
    slot.rateHz = block.rateHz
    slot.scale = block.scale
    slot.offset = block.offset
    return at
  }

  #finish(onCapture: (capture: Capture) => void, stepUs: number): void {
    const axes = this.#slots.map(({ channel, startUs, rateHz, buffer, scale, offset }) => ({
      channel,
      startUs,
      rateHz,
      samples: buffer,
      scale,
      offset,
    }))
    const endUs = Math.max(...this.#slots.map(slot => slot.startUs + (slot.samples - 1) * stepUs))
    onCapture({ startUs: this.#startUs, endUs, axes })
    const early = this.#extra && this.#startUs < this.#dueUs
    if (!early) this.#dueUs = this.#startUs + this.#everyUs
    this.#extra = false
    this.void()
  }
}
