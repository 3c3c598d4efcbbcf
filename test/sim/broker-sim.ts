// One seed: a random life of a whole broker, its clients and its machine, judged by the history checker.

import { type BrokerConfig, BrokerLife } from './broker-life.ts'
import type { OpenBroker } from './broker-world.ts'
import { SimRandom } from './sim-random.ts'
import type { OpenEngine } from './storage-world.ts'

export interface BrokerRun {
  readonly seed: number
  readonly config: BrokerConfig
  readonly traceHash: number
  readonly restarts: number
  readonly events: number
  readonly failure: Error | null
  readonly steps: readonly string[]
}

export function brokerConfig(random: SimRandom): BrokerConfig {
  const faults = random.pick(['none', 'none', 'none', 'none', 'none', 'rare', 'sync', 'full'] as const)
  return {
    faults,
    capacityBytes: faults === 'full' ? random.between(100_000, 300_000) : 2 ** 40,
    hubs: random.between(1, 3),
    partitions: random.between(1, 3),
    steps: random.between(20, 90),
    padding: random.pick([0, 30, 200, 1000]),
    crashes: random.pick(['none', 'some', 'some', 'many'] as const),
    hasRetention: random.chance(0.5),
  }
}

const stepsShown = 30

export async function runBrokerSeed(seed: number, openEngine: OpenEngine, openBroker: OpenBroker): Promise<BrokerRun> {
  const random = new SimRandom(seed)
  const config = brokerConfig(random.split('config'))
  const life = new BrokerLife(random, config, openEngine, openBroker)
  let failure: Error | null = null
  try {
    await life.run()
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  return {
    seed,
    config,
    traceHash: (life.world.traceHash ^ life.world.disk.traceHash) >>> 0,
    restarts: life.restarts,
    events: life.world.checker.eventsStored,
    failure,
    steps: life.steps.slice(-stepsShown),
  }
}
