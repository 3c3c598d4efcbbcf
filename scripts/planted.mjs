// Plants every bug of test/sim/planted-bugs.ts in turn and says how many seeds it took to find it:
// `node scripts/planted.mjs [--seed S] [--only NAME]`. Exits 1 when one is not found within its seeds.

import { parseArgs } from 'node:util'
import { findPlanted } from '../test/sim/planted.ts'
import { plantedBugs } from '../test/sim/planted-bugs.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '0' }, only: { type: 'string', default: '' } },
})
let isMissed = false
for (const bug of plantedBugs.filter(({ name }) => name.includes(values.only))) {
  const startedAt = performance.now()
  const found = await findPlanted(bug, Number(values.seed))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  isMissed ||= found === null
  const said =
    found === null
      ? `NOT FOUND in ${bug.seedsMax}`
      : `found after ${found.seeds} ${bug.kind === 'kill9' ? 'kills' : 'seeds'} of at most ${bug.seedsMax}: ${found.what}`
  console.log(`${bug.name} (${bug.kind}, ${seconds} s): ${said}`)
}
process.exit(isMissed ? 1 : 0)
