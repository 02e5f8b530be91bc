/** A finite number in text, blanks around it allowed; NaN otherwise. Only decimal notation: `0x10` is not a reading. */
export function numberOf(text: string): number {
  const value = Number(text)
  if (value === 0 && text.trim() === '') return Number.NaN
  if (!Number.isFinite(value)) return Number.NaN
  // Number() also takes 0x, 0o and 0b; their second character is a letter that no decimal number has there, but e (1e5).
  const trimmed = text.trim()
  const second = trimmed.charCodeAt(1) | 0x20
  return second === 0x78 || second === 0x6f || second === 0x62 ? Number.NaN : value
}

/** What a JSON value says as a reading: numbers, numeric text, booleans as 0 and 1; NaN for everything else. */
export function readingOf(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'string' ? numberOf(value) : Number.NaN
}
