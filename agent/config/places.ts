// What the file names on this machine: a folder that can never be one is refused, a file that is not there yet is warned
// about, since it may be mounted later.
import { dirname } from 'node:path'
import type { LoadContext } from './context.ts'
import type { AssetConfig, StorageConfig } from './contract.ts'
import type { Path } from './issues.ts'
import type { Sources } from './sources.ts'

export function checkPlaces(
  ctx: LoadContext,
  { sources, assets, storage }: { sources: Sources; assets: readonly AssetConfig[]; storage: StorageConfig },
): void {
  const kindOf = ctx.io.kindOf
  if (!kindOf) return
  const wantFile = (file: string, path: Path): void => {
    const kind = kindOf(file)
    if (kind === 'file') return
    const problem = kind === 'folder' ? 'is a folder' : 'does not exist, or cannot be seen by this user'
    ctx.issues.warn(path, `${file} ${problem}`, 'name a file that is there when the agent starts')
  }
  for (const [id, source] of sources) {
    if (source?.kind === 'replay') for (const file of source.files) wantFile(file, ['sources', id, 'replay', 'files'])
  }
  for (const { id, type, model } of assets) {
    if (model.file !== undefined) wantFile(model.file, ctx.place(id, type, 'model', 'file'))
  }
  let at = storage.dir
  while (kindOf(at) === 'none' && dirname(at) !== at) at = dirname(at)
  if (kindOf(at) !== 'file') return
  ctx.issues.error(['storage', 'dir'], `${at} is no folder`, 'write storage: {dir: /var/lib/wearwatch}')
}
