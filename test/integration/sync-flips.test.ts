// One flipped bit anywhere in what a repository serves: accepted only when what was signed is unchanged.
// `FLIPS=3000 SEED=7 npx tap --timeout=600 test/integration/sync-flips.test.ts` for more.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { parseModelFile } from '../../agent/models/file/model-file.ts'
import { Publisher } from '../../agent/sync/publisher.ts'
import { manualClock } from '../support/manual-clock.ts'
import { gatewayDir, generation, makeSite, type Site, wish } from '../support/sync.ts'

const SEED = Number(process.env.SEED ?? 20261122)
const FLIPS = Number(process.env.FLIPS ?? 96)
const ROLES = ['root', 'timestamp', 'snapshot', 'targets']

const signedOf = (path: string): string => JSON.stringify(JSON.parse(readFileSync(path, 'utf8')).signed)

/** Release 1 that a warm gateway has, then a rotated root and release 2. Returns the digest of release 2. */
async function twoReleases(site: Site): Promise<string> {
  await site.publish()
  await site.gateway({ name: 'warm' }).check([wish()])
  cpSync(gatewayDir(site.dir, 'warm'), join(site.dir, 'warm-copy'), { recursive: true })
  // The publisher renews the root in its last third: 800 days from now.
  const clock = manualClock((Date.now() + 800 * 86_400_000) * 1000)
  const later = new Publisher({ repo: site.repo, expiresMs: 86_400_000, clock, readModel: parseModelFile })
  await later.refresh()
  return site.publish({ release: 2 })
}

/** Every file that a gateway fetches for release 2. */
function fetched(site: Site, sha256: string): string[] {
  const version = (role: string): number =>
    Math.max(
      ...readdirSync(site.repo).flatMap(name => (name.endsWith(`.${role}.json`) ? [Number.parseInt(name, 10)] : [])),
    )
  const targets = `${version('targets')}.targets.json`
  const list = JSON.parse(readFileSync(join(site.repo, targets), 'utf8')).signed.targets['pump/releases.json'].hashes
    .sha256
  return [
    ...['2.root.json', 'timestamp.json', `${version('snapshot')}.snapshot.json`, targets],
    ...[`${list}.releases.json`, `${sha256}.${sha256}.onnx`].map(name => join('targets', 'pump', name)),
  ]
}

/** Signed parts per role that the publisher really made. */
function genuine(site: Site): Map<string, Set<string>> {
  const of = (role: string): string[] =>
    readdirSync(site.repo).flatMap(name => (name.endsWith(`${role}.json`) ? [signedOf(join(site.repo, name))] : []))
  const seen = (role: string): string => signedOf(join(generation(site, 'warm'), `${role}.json`))
  return new Map(ROLES.map(role => [role, new Set([...of(role), seen(role)])]))
}

/** Roles whose kept metadata nobody signed. */
function forged(site: Site, known: Map<string, Set<string>>): string[] {
  return ROLES.filter(role => {
    const path = join(generation(site, 'flip'), `${role}.json`)
    return existsSync(path) && !known.get(role)?.has(signedOf(path))
  })
}

/** Of a signature or key id: tuf-js reads both as the same bytes. */
function isCaseOfHexDigit(before: number, after: number): boolean {
  return (before ^ after) === 0x20 && /^[a-f]$/i.test(String.fromCharCode(before))
}

t.test(`${FLIPS} flipped bits`, async t => {
  t.comment(`seed ${SEED}`)
  const prng = seededPrng(SEED)
  const site = await makeSite(t.testdir())
  const sha256 = await twoReleases(site)
  const files = fetched(site, sha256)
  const known = genuine(site)
  const outcome = { accepted: 0, refused: 0, wrongly: 0 }
  const dir = gatewayDir(site.dir, 'flip')
  for (let i = 0; i < FLIPS; i++) {
    const name = files[i % files.length] ?? ''
    const whole = readFileSync(join(site.repo, name))
    const bytes = Buffer.from(whole)
    const at = Math.floor(prng.next() * bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(prng.next() * 8))
    writeFileSync(join(site.repo, name), bytes)
    rmSync(dir, { recursive: true })
    // Every other file of every other round meets a gateway that knows release 1.
    if ((i + Math.floor(i / files.length)) % 2) cpSync(join(site.dir, 'warm-copy'), dir, { recursive: true })
    const [offer] = await site
      .gateway({ name: 'flip' })
      .check([wish()])
      .catch(() => [])
    const took = offer?.kind === 'new' ? offer.model.sha256 : undefined
    outcome[took ? 'accepted' : 'refused']++
    if ((took && took !== sha256) || forged(site, known).length > 0) {
      outcome.wrongly++
      t.comment(`accepted wrongly: ${name}, byte ${at}, now ${bytes[at]}`)
    } else if (took) {
      const where = `${name}, byte ${at}: ${whole[at]} to ${bytes[at]}`
      t.ok(isCaseOfHexDigit(whole[at]!, bytes[at]!), `accepted, only the case of a hex digit differs: ${where}`)
    }
    writeFileSync(join(site.repo, name), whole)
  }
  t.comment(JSON.stringify(outcome))
  t.equal(outcome.wrongly, 0)
  t.ok(outcome.refused > FLIPS / 2, `${outcome.refused} of ${FLIPS} refused`)
  t.match(
    await site.gateway({ name: 'flip' }).check([wish()]),
    [{ kind: 'new', model: { sha256 } }],
    'unflipped it comes',
  )
})
