import type { Arguments } from './arguments.ts'

/** An asset, and one of its rules where not all of them are meant. */
export function readTarget(args: Arguments): { asset: string; rule?: string } {
  const asset = args.text('asset', 64)
  const rule = args.optionalText('rule')
  return { asset, ...(rule === undefined ? {} : { rule }) }
}
