// Does one job in a thread of its own: the test runner watches every promise of its own thread, which makes a simulation
// there many times slower. Answers `{ figures, failures }`, failures as text with what is needed to run them again.

import { parentPort, workerData } from 'node:worker_threads'
import { runBrokerSeed } from './broker-sim.ts'
import { runCaptureSeed } from './capture-sim.ts'
import { runCompactionSeed } from './compaction-sim.ts'
import { makeIndexedFolder, makeSmallFolder, sweepCorruption } from './corruption-sweep.ts'
import { sweepCrashPoints } from './crash-points.ts'
import { openPlainEngine, openSimBroker, openSimEngine } from './engines.ts'
import { sweepOperations } from './nth-operation.ts'
import { scripts } from './scripts.ts'
import { runStorageSeed } from './storage-sim.ts'

/** Further seeds are not run: they would say the same. */
const failuresMax = 5

const jobs = {
  seeds: runSeeds,
  crash: async ({ everyNth, isSlice }) => swept(await sweepCrashPoints(openPlainEngine, someOf(everyNth), isSlice)),
  faults: async ({ everyNth, isSlice }) => swept(await sweepOperations(openPlainEngine, someOf(everyNth), isSlice)),
  damage: async ({ ending, steps }) => {
    const folder = await makeSmallFolder(openPlainEngine, ending)
    return swept(await sweepCorruption(openPlainEngine, folder, steps))
  },
  index: async ({ steps }) => {
    const folder = await makeIndexedFolder(openPlainEngine)
    const only = [...folder.files.keys()].find((path) => path.endsWith('.index'))
    return swept(await sweepCorruption(openPlainEngine, folder, { ...steps, only }))
  },
}

/** @param twice How many of the first seeds run again and must leave the same trace. */
async function runSeeds({ kind, from, count, twice, isVerbose = false }) {
  const runs = {
    storage: (seed) => runStorageSeed(seed, openSimEngine),
    broker: (seed) => runBrokerSeed(seed, openSimEngine, openSimBroker),
    compaction: (seed) => runCompactionSeed(seed, openSimEngine),
    capture: (seed) => runCaptureSeed(seed, openSimEngine, openSimBroker),
  }
  const run = runs[kind]
  const figures = { seeds: 0, events: 0, restarts: 0, operations: 0, twice: 0 }
  const failures = []
  for (let seed = from; seed < from + count && failures.length < failuresMax; seed++) {
    const result = await run(seed)
    figures.seeds++
    figures.events += result.events
    figures.restarts += result.restarts
    figures.operations += result.operations ?? 0
    if (isVerbose) console.log(describe(kind, result))
    if (result.failure !== null) failures.push(describe(kind, result))
    if (seed - from >= twice) continue
    figures.twice++
    const again = await run(seed)
    if (again.traceHash !== result.traceHash) failures.push(`${kind} seed ${seed} does not replay: its trace differs`)
  }
  return { figures, failures }
}

function describe(kind, { seed, config, steps, failure, traceHash }) {
  return [
    `${kind} seed ${seed}: ${failure === null ? 'no violation' : failure.message}, trace ${traceHash}`,
    `  ${JSON.stringify(config)}`,
    ...steps.map((step) => `  ${step}`),
    failure?.stack ?? '',
    `replay: npm run sim -- --kind ${kind} --seeds 1 --seed ${seed}`,
  ].join('\n')
}

function someOf(everyNth) {
  return scripts.filter((_script, index) => index % everyNth === 0)
}

function swept({ failures, ...figures }) {
  return { figures, failures: failures.map(({ name, error }) => `${name}\n    ${error.stack}`) }
}

parentPort.postMessage(await jobs[workerData.job](workerData))
