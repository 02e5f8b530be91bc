// models/: what ships is what the script makes, and every card's model loads.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { verifyModel } from '../../../agent/cli/models-verify.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'

const RELATIVE = 1e-4
const names = readdirSync('models').filter(name => name.endsWith('.onnx'))

t.test('the script makes the demonstrators again', async t => {
  const dir = t.testdir()
  await promisify(execFile)(process.execPath, ['scripts/make-models.mjs', '--out', dir])
  t.same(readdirSync(dir).toSorted(), names.toSorted())
  for (const name of names) {
    const shipped = parseModelFile(readFileSync(join('models', name)), 'file')
    const made = parseModelFile(readFileSync(join(dir, name)), 'file')
    // Mathematics of another processor may differ in the last bit; then scores still agree.
    if (made.sha256 === shipped.sha256) continue
    const { selfTest, ...rest } = shipped.manifest
    const { selfTest: again, ...restAgain } = made.manifest
    t.same([rest.name, rest.family, rest.channels], [restAgain.name, restAgain.family, restAgain.channels])
    selfTest.scores.forEach((score, i) => {
      t.ok(
        Math.abs(again.scores[i]! - score) <= RELATIVE * Math.max(1, score),
        `${name}, window ${i}: ${again.scores[i]}`,
      )
    })
  }
})

for (const name of names) {
  t.test(`${name} keeps the contract and has a card that says so much`, async t => {
    const bytes = readFileSync(join('models', name))
    const { ok, points } = await verifyModel(bytes, name)
    t.ok(
      ok,
      points
        .filter(({ status }) => status === 'fail')
        .map(({ found }) => found)
        .join('; '),
    )
    const { manifest } = parseModelFile(bytes, 'file')
    t.equal(`${manifest.name}.onnx`, name)
    t.ok(bytes.length <= 1e6)
    const card = readFileSync(join('models', `${manifest.name}.md`), 'utf8')
    for (const part of ['**What.**', '**From what.**', '**Scores.**', '**Limits.**', `family \`${manifest.family}\``])
      t.ok(card.includes(part), part)
  })
}
