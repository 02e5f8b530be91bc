const CELLS = 10

/** `████████░░ 80 %` */
export function bar(share: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * CELLS)
  return `${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${Math.floor(share * 100)} %`
}
