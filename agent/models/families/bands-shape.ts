// What a `bands` model looks at: which lines of which blocks make which bands. Follows from the rate and the window alone.
import { lineShare } from '../vibration/welch.ts'

export interface BandsShape {
  channels: number
  /** Of a window. */
  samples: number
  rateHz: number
  /** Samples of a block, a power of two; blocks overlap by half. */
  block: number
  blocks: number
  lineHz: number
  /** Width of a band; band b is [b, b + 1) x bandHz. */
  bandHz: number
  bands: number
  /** Adjoining bands that are also judged together; the last group takes what is left. */
  perGroup: number
  groups: number
}

const BAND_HZ = 200
/** A machine sampled slowly still needs some bands to tell apart. */
const BANDS_MIN = 10
// A broad rise is lost in the spread of single narrow bands, a narrow one in the energy of a wide band: both are judged. On six
// bearings run to failure 200 Hz alone and 800 Hz alone each missed what the other saw (docs/vibration.md).
const PER_GROUP = 4
const RATE_OVER_TOP = 2.56
const LINES_PER_BAND = 8
const LINES_PER_BAND_MIN = 4
const BLOCKS_MIN = 4
// 1,024 keeps the file below 1 MB and lines of 25 Hz at 25.6 kHz: eight to a band.
const BLOCK_MAX = 1024
const BLOCK_MIN = 64
/** Lines 0 and 1 hold what the window leaks of the offset within a block. */
export const LOWEST_LINE = 1.5

/** Undefined where a window is too short for four blocks that could tell bands apart. */
export function bandsShape(channels: number, samples: number, rateHz: number): BandsShape | undefined {
  const topHz = rateHz / RATE_OVER_TOP
  let bandHz = BAND_HZ
  while (topHz / bandHz < BANDS_MIN) bandHz /= 2
  let block = BLOCK_MIN
  while (block < BLOCK_MAX && rateHz / block > bandHz / LINES_PER_BAND) block *= 2
  while (block > BLOCK_MIN && blocksIn(samples, block) < BLOCKS_MIN) block /= 2
  if (blocksIn(samples, block) < BLOCKS_MIN) return undefined
  const lineHz = rateHz / block
  while (bandHz / lineHz < LINES_PER_BAND_MIN) bandHz *= 2
  const bands = Math.floor(topHz / bandHz + 1e-9)
  return {
    channels,
    samples,
    rateHz,
    block,
    blocks: blocksIn(samples, block),
    lineHz,
    bandHz,
    bands,
    perGroup: PER_GROUP,
    groups: Math.ceil(bands / PER_GROUP),
  }
}

const blocksIn = (samples: number, block: number): number => Math.floor((2 * samples) / block) - 1

/**
 * Share of each line in each level, times what turns |X|² summed over the blocks into mean square. Levels are the bands, then the
 * groups of bands: [lines x (bands + groups)], lines = block / 2.
 */
export function lineWeights(shape: BandsShape): Float64Array {
  const { block, blocks, lineHz, bandHz, bands, groups, perGroup } = shape
  const lines = block / 2
  const width = bands + groups
  const weights = new Float64Array(lines * width)
  // Energy correction of the Hann window (mean square 3/8), both sides of the spectrum.
  const scale = 2 / (block * block * 0.375 * blocks)
  for (let line = 0; line < lines; line++) {
    for (let band = 0; band < bands; band++) {
      const from = Math.max(band * bandHz, LOWEST_LINE * lineHz)
      const weight = scale * lineShare(line, lineHz, from, (band + 1) * bandHz)
      weights[line * width + band] = weight
      weights[line * width + bands + Math.floor(band / perGroup)]! += weight
    }
  }
  return weights
}

/** `3400-3600 Hz`. */
export function bandLabel({ bandHz }: BandsShape, band: number): string {
  return `${Number((band * bandHz).toPrecision(6))}-${Number(((band + 1) * bandHz).toPrecision(6))} Hz`
}

/** Levels of a channel: its bands, then its groups of bands. */
export function levelsOf({ bands, groups }: BandsShape): number {
  return bands + groups
}

export function hann(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size))
}
