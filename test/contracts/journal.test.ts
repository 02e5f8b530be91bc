import { realDisk } from '../../agent/core/disk.ts'
import { memoryDisk } from '../support/journal-disk.ts'
import { openTestJournal } from '../support/journal-open.ts'
import { journalContract } from './journal-suite.ts'

journalContract('in memory', () => {
  const disk = memoryDisk()
  return more => openTestJournal('/j', disk, more)
})

journalContract('on the disk', t => {
  const dir = `${t.testdir()}/deep/journal`
  return more => openTestJournal(dir, realDisk, more)
})
