// Random lives of the storage engine, of the whole broker and of Capture: `npm run sim -- --seeds N [--seed S] [--kind storage|broker|capture|compaction]
// [--workers 2] [--seconds T]`. A single seed (`--seeds 1 --seed S`) prints its steps. Exits 1 on any violation, with the
// seed that shows it.

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runJob } from '../test/sim/job.ts'

/** Seeds a thread runs between two reports; one in so many runs twice and must leave the same trace. */
const blockSeeds = 500
const twiceInBlock = 10
const failuresMax = 5

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    kind: { type: 'string', default: 'all' },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '0' },
  },
})
const seeds = Number(values.seeds)
const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
let failed = 0
for (const kind of values.kind === 'all' ? ['storage', 'broker', 'capture', 'compaction'] : [values.kind])
  failed += await runKind(kind)
process.exit(failed > 0 ? 1 : 0)

async function runKind(kind) {
  console.log(`${kind}: seeds ${first}..${first + seeds - 1}, ${values.workers} threads`)
  const total = { seeds: 0, events: 0, restarts: 0, operations: 0, twice: 0 }
  let failures = 0
  let next = 0
  let shownAt = 0
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  const isOver = () =>
    next >= seeds || failures >= failuresMax || (Number(values.seconds) > 0 && elapsed() > Number(values.seconds))
  const work = async () => {
    while (!isOver()) {
      const from = first + next
      const count = Math.min(blockSeeds, seeds - next)
      next += count
      const report = await runJob({ job: 'seeds', kind, from, count, twice: twiceInBlock, isVerbose: seeds === 1 })
      for (const key of Object.keys(total)) total[key] += report.figures[key]
      failures += report.failures.length
      for (const failure of report.failures) console.log(failure)
      if (elapsed() - shownAt < 30) continue
      shownAt = elapsed()
      console.log(`  ${kind}: ${total.seeds} seeds, ${Math.round(total.seeds / shownAt)} a second`)
    }
  }
  await Promise.all(Array.from({ length: Number(values.workers) }, work))
  const rate = Math.round(total.seeds / elapsed())
  console.log(
    `${kind}: ${total.seeds} seeds in ${elapsed().toFixed(1)} s (${rate}/s), ${total.events} events, ` +
      `${total.restarts} restarts, ${total.twice} seeds run twice, ${failures} violations`,
  )
  return failures
}
