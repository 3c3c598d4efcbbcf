// Runs seeds against the product with a planted bug until one finds it: `{ seed, what }`, or null after the last.

import { parentPort, workerData } from 'node:worker_threads'
import { plant } from './plant-hook.mjs'

const { edits, kind, seedsMax, first, tried } = workerData
const isPlanted = plant(edits)
const { openPlainEngine, openSimBroker, openSimEngine } = await import('./engines.ts')
const run = await runnerOf(kind)

async function runnerOf(name) {
  if (name === 'storage') {
    const { runStorageSeed } = await import('./storage-sim.ts')
    return async (seed) => (await runStorageSeed(seed, openSimEngine)).failure
  }
  if (name === 'broker') {
    const { runBrokerSeed } = await import('./broker-sim.ts')
    return async (seed) => (await runBrokerSeed(seed, openSimEngine, openSimBroker)).failure
  }
  if (name === 'capture') {
    const { runCaptureSeed } = await import('./capture-sim.ts')
    return async (seed) => (await runCaptureSeed(seed, openSimEngine, openSimBroker)).failure
  }
  if (name === 'compaction') {
    const { runCompactionSeed } = await import('./compaction-sim.ts')
    return async (seed) => (await runCompactionSeed(seed, openSimEngine)).failure
  }
  if (name === 'index') {
    const { makeIndexedFolder, sweepCorruption } = await import('./corruption-sweep.ts')
    const folder = await makeIndexedFolder(openPlainEngine)
    const only = [...folder.files.keys()].find((path) => path.endsWith('.index'))
    return async (seed) => {
      const report = await sweepCorruption(openPlainEngine, folder, { bytes: 7, sectors: 1, phase: seed, only })
      return report.failures[0]?.error ?? null
    }
  }
  // Damage: each "seed" is the sweep with another phase of places.
  const { makeSmallFolder, sweepCorruption } = await import('./corruption-sweep.ts')
  return async (seed) => {
    const folder = await makeSmallFolder(openPlainEngine, seed % 2 === 0 ? 'closed' : 'killed')
    const report = await sweepCorruption(openPlainEngine, folder, { bytes: 97, sectors: 3, phase: seed })
    return report.failures[0]?.error ?? null
  }
}

let found = null
let seeds = 0
for (let seed = first; seed < first + seedsMax && found === null; seed++) {
  seeds++
  Atomics.store(tried, 0, seeds)
  // A planted bug may also break an assertion of the product outside of what the run awaits.
  const failure = await run(seed).catch((error) => error)
  if (failure !== null) found = { seed, seeds, what: String(failure.message).slice(0, 200) }
}
if (!isPlanted()) throw new Error('the planted line was never loaded')
parentPort.postMessage(found)
