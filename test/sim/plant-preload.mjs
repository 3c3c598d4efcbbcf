// Plants one bug of `planted-bugs.ts` into everything a script loads from the sources, its threads and daemons as well:
//   EHUB_PLANT='answer before sync' NODE_OPTIONS=--import=$PWD/test/sim/plant-preload.mjs npm run powercut -- --daemon small

import { plant } from './plant-hook.mjs'
import { plantedBugs } from './planted-bugs.ts'

const name = process.env.EHUB_PLANT
const bug = plantedBugs.find((candidate) => candidate.name === name)
if (bug === undefined) {
  const names = plantedBugs.map((candidate) => `"${candidate.name}"`)
  throw new Error(`EHUB_PLANT names no planted bug: "${name}"; there are ${names.join(', ')}`)
}
plant(bug.edits)
