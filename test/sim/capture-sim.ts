// One seed: a random life of Capture: events, windows, outages, power cuts, kills; files are looked at again and again.

import type { OpenBroker } from './broker-world.ts'
import { type CaptureConfig, CaptureWorld } from './capture-world.ts'
import { crashOutcomes } from './sim-disk.ts'
import { SimRandom } from './sim-random.ts'
import { runTurns } from './scheduler.ts'
import type { OpenEngine } from './storage-world.ts'

export interface CaptureRun {
  readonly seed: number
  readonly config: CaptureConfig
  readonly traceHash: number
  readonly restarts: number
  readonly events: number
  readonly failure: Error | null
  readonly steps: readonly string[]
}

const stepsShown = 30

function captureConfig(random: SimRandom): CaptureConfig {
  return {
    partitions: random.between(1, 3),
    intervalMs: random.pick([1000, 1000, 2500, 10_000]),
    sizeBytes: random.pick([4096, 6000, 20_000, 1_000_000]),
    chunkBytes: random.pick([300, 1000, 5000]),
    isSkippingEmpty: random.chance(0.5),
    encoding: 'avro',
    padding: random.pick([0, 30, 200, 900]),
    steps: random.between(10, 40),
    outagePercent: random.pick([20, 60, 100]),
  }
}

export async function runCaptureSeed(
  seed: number,
  openEngine: OpenEngine,
  openBroker: OpenBroker,
): Promise<CaptureRun> {
  const random = new SimRandom(seed)
  const config = captureConfig(random.split('config'))
  const world = new CaptureWorld(random.split('world'), config, openEngine, openBroker)
  const steps: string[] = []
  let failure: Error | null = null
  try {
    await live(world, random.split('steps'), (step) => steps.push(`${steps.length}: ${step}`))
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  return {
    seed,
    config,
    traceHash: world.disk.traceHash,
    restarts: world.restarts,
    events: world.eventCount,
    failure,
    steps: steps.slice(-stepsShown),
  }
}

async function live(world: CaptureWorld, random: SimRandom, say: (step: string) => void): Promise<void> {
  const { config } = world
  await world.open()
  await world.create()
  // What came before it was switched on is in no file.
  if (random.chance(0.5)) await world.publish(0, random.between(1, 5))
  world.partitions[0]!.from = world.partitions[0]!.events.size
  await world.enable()
  for (let step = 0; step < config.steps; step += 1) {
    const draw = random.below(100)
    if (draw < 40) {
      const partition = random.below(config.partitions)
      const count = random.pick([1, 2, 5, 20])
      say(`publish ${count} to ${partition}`)
      await world.publish(partition, count)
    } else if (draw < 65) {
      const ms = random.pick([20, 250, 600, 1100, config.intervalMs, 3 * config.intervalMs])
      say(`pass ${ms} ms`)
      await world.pass(ms)
    } else if (draw < 75) {
      world.isOut = !world.isOut
      say(world.isOut ? 'outage begins' : 'outage ends')
    } else if (draw < 80) {
      const ms = random.pick([-2000, 1500, 30_000])
      say(`wall clock jumps ${ms} ms`)
      world.clock.jumpWall(ms)
    } else if (draw < 84) {
      const intervalMs = random.pick([1000, 2500, 10_000])
      say(`windows of ${intervalMs} ms`)
      await world.enable({ intervalMs })
    } else if (draw < 96) {
      const outcome = random.pick([...crashOutcomes, 'kill', 'kill', 'kill'] as const)
      // In the middle of whatever is going on.
      world.clock.advance(random.pick([0, 20, 250, config.intervalMs]))
      const turns = random.below(400)
      say(`crash ${outcome} after ${turns} turns`)
      await runTurns(turns)
      await world.crash(outcome)
      await world.check(false)
    } else {
      say('end and start')
      await world.stop()
      await world.crash('kill')
      await world.check(false)
    }
    world.throwBug()
  }
  say('the end')
  world.isOut = false
  await world.pass(3000)
  const hub = world.broker!.captures.find('local', 'h')
  if (hub !== null) await world.settle(world.service!.flush(hub))
  await world.check(true)
  await world.stop()
}
