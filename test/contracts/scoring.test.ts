import { fakeScoringHost } from '../support/scoring-fake.ts'
import { realHost } from '../support/scoring-real.ts'
import { scoringContract } from './scoring-suite.ts'

scoringContract('real', limits => realHost(limits).host)
scoringContract('fake', limits => fakeScoringHost(limits))
