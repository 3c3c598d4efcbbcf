// Random lives of the storage engine and of the whole broker: `npm run sim -- --seeds N [--seed S] [--kind storage|broker]
// [--workers 2] [--seconds T]`. A single seed (`--seeds 1 --seed S`) prints its steps. Exits 1 on any violation, with the
// seed that shows it.

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** Seeds a worker runs between two reports. */
const blockSeeds = 50
/** Every so many seeds one runs twice and must leave the same trace. */
const twiceEvery = 25

if (isMainThread) await main()
else await work()

async function main() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string' },
      kind: { type: 'string', default: 'both' },
      workers: { type: 'string', default: '2' },
      seconds: { type: 'string', default: '0' },
    },
  })
  const seeds = Number(values.seeds)
  const first = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  const kinds = values.kind === 'both' ? ['storage', 'broker'] : [values.kind]
  let failed = 0
  for (const kind of kinds) failed += await runKind(kind, first, seeds, Number(values.workers), Number(values.seconds))
  process.exit(failed > 0 ? 1 : 0)
}

async function runKind(kind, first, seeds, workers, seconds) {
  console.log(`${kind}: seeds ${first}..${first + seeds - 1}, ${workers} workers`)
  const total = { seeds: 0, events: 0, restarts: 0, operations: 0, twice: 0 }
  const failures = []
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  let next = 0
  let shownAt = 0
  const runWorker = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { kind, isVerbose: seeds === 1 } })
      const feed = () => {
        const isOver = next >= seeds || failures.length >= 5 || (seconds > 0 && elapsed() > seconds)
        if (isOver) return worker.postMessage(null)
        const count = Math.min(blockSeeds, seeds - next)
        worker.postMessage({ from: first + next, count })
        next += count
      }
      worker.on('message', (report) => {
        for (const key of Object.keys(total)) total[key] += report[key]
        failures.push(...report.failures)
        for (const failure of report.failures) console.log(failure)
        if (elapsed() - shownAt > 10) {
          shownAt = elapsed()
          console.log(`  ${kind}: ${total.seeds} seeds, ${Math.round(total.seeds / shownAt)} a second`)
        }
        feed()
      })
      worker.on('error', reject)
      worker.on('exit', resolve)
      feed()
    })
  await Promise.all(Array.from({ length: workers }, runWorker))
  const rate = Math.round(total.seeds / elapsed())
  console.log(
    `${kind}: ${total.seeds} seeds in ${elapsed().toFixed(1)} s (${rate}/s), ${total.events} events, ` +
      `${total.restarts} restarts, ${total.twice} seeds run twice, ${failures.length} violations`,
  )
  return failures.length
}

async function work() {
  const { runStorageSeed } = await import('../test/sim/storage-sim.ts')
  const { runBrokerSeed } = await import('../test/sim/broker-sim.ts')
  const { openSimBroker, openSimEngine } = await import('../test/sim/engines.ts')
  const { kind, isVerbose } = workerData
  const run = (seed) =>
    kind === 'storage' ? runStorageSeed(seed, openSimEngine) : runBrokerSeed(seed, openSimEngine, openSimBroker)
  const runBlock = async (block) => {
    const report = { seeds: 0, events: 0, restarts: 0, operations: 0, twice: 0, failures: [] }
    for (let seed = block.from; seed < block.from + block.count; seed++) {
      const result = await run(seed)
      if (isVerbose) console.log(describe(kind, result))
      report.seeds++
      report.events += result.events
      report.restarts += result.restarts
      report.operations += result.operations ?? 0
      if (result.failure !== null) report.failures.push(describe(kind, result))
      if (seed % twiceEvery === 0) {
        report.twice++
        const again = await run(seed)
        if (again.traceHash !== result.traceHash)
          report.failures.push(`seed ${seed} does not replay: its trace differs`)
      }
    }
    parentPort.postMessage(report)
  }
  parentPort.on('message', (block) => {
    if (block === null) parentPort.close()
    else void runBlock(block)
  })
}

function describe(kind, { seed, config, steps, failure, traceHash }) {
  const lines = [
    `${kind} seed ${seed}: ${failure === null ? 'no violation' : failure.message}, trace ${traceHash}`,
    `  ${JSON.stringify(config)}`,
    ...steps.map((step) => `  ${step}`),
  ]
  if (failure !== null)
    lines.push(failure.stack ?? '', `replay: npm run sim -- --kind ${kind} --seeds 1 --seed ${seed}`)
  return lines.join('\n')
}
