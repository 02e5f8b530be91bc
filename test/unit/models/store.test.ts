import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { ModelStore } from '../../../agent/models/file/store.ts'
import { maxModel } from '../../support/scoring-models.ts'

const model = maxModel('one')

t.test('what was saved is read back', async t => {
  const dir = `${t.testdir()}/models`
  const store = new ModelStore(dir, parseModelFile)
  await store.save(model)
  t.match(await store.read(model.sha256, 'local'), { sha256: model.sha256, origin: 'local', manifest: { name: 'one' } })
})

t.test('damaged, empty, foreign or missing: the file is named, and what comes next', async t => {
  const dir = `${t.testdir()}/models`
  const path = `${dir}/${model.sha256}.onnx`
  const store = new ModelStore(dir, parseModelFile)
  await store.save(model)
  const flipped = Buffer.from(model.bytes)
  flipped[100]! ^= 1
  for (const bytes of [flipped, Buffer.from('garbage'), Buffer.alloc(0), maxModel('two').bytes, undefined, 'folder']) {
    rmSync(path, { recursive: true })
    if (bytes === 'folder') mkdirSync(path)
    else if (bytes) writeFileSync(path, bytes)
    await t.rejects(store.read(model.sha256, 'local'), {
      code: 'MODEL_UNREADABLE',
      message: new RegExp(`model ${path}.*the asset learns or syncs it again`),
    })
    if (!existsSync(path)) writeFileSync(path, '')
  }
})

t.test('a folder that cannot be written: transient, with the path', async t => {
  const dir = `${t.testdir()}/models`
  writeFileSync(dir, 'x')
  const store = new ModelStore(dir, parseModelFile)
  await t.rejects(store.save(model), {
    code: 'MODEL_STORE_IO',
    kind: 'transient',
    message: new RegExp(`cannot write model ${dir}/`),
  })
})
