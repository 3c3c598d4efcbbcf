// What checkpoints cost publishers: bursts back to back, as fast as they are accepted, alone and beside 20,000 checkpoints a second.

import { join } from 'node:path'
import { findDaemon } from '../../../src/client/discovery.ts'
import { SystemClock } from '../../../src/base/clock.ts'
import { ControlClient } from '../../../src/client/control-client.ts'
import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar, valueBar } from '../frame/result.ts'
import type { Latencies } from '../frame/statistics.ts'
import { cpuSecondsOf, runLoad, Worker } from '../frame/workers.ts'
import type { BurstJob } from '../load/amqp-bursts.ts'
import type { CheckpointJob, CheckpointResult } from '../load/checkpoints.ts'
import { daemonExists, environmentIn } from '../subjects/daemon.ts'
import { startEhub } from '../subjects/ehub.ts'

const partitionCount = 256
const groupCount = 8
const perSecond = 20_000

interface Turn {
  readonly bursts: Latencies
  readonly checkpoints: CheckpointResult | null
}

async function run(context: BenchContext): Promise<BenchResult> {
  if (!daemonExists()) return { figures: [], bars: [], notes: ['build/ehub is not built (npm run build): skipped'] }
  const folder = context.folder('ehub')
  const ehub = await startEhub({ folder, hubs: [{ name: 'orders', partitionCount, durability: 'sync' }] })
  context.after(() => ehub.stop())
  const { socketPath } = findDaemon({ env: environmentIn(folder), dataFolder: join(folder, 'data') })
  const control = new ControlClient({ socketPath, clock: new SystemClock(), timeoutMs: 60_000 })
  const groups = Array.from({ length: groupCount }, (_, index) => `g${index}`)
  for (const group of groups) await control.call('createGroup', { hub: 'orders', group })
  const endpoint = { port: ehub.port, user: ehub.user, key: ehub.key }
  const addresses = Array.from({ length: partitionCount }, (_, partition) => `orders/Partitions/${partition}`)
  const bursts = (count: number): BurstJob => ({
    ...{ ...endpoint, addresses, burstEvents: 512, bodyBytes: 1024 },
    ...{ warmUpBursts: Math.ceil(count / 10), bursts: count },
  })
  // Something to have a checkpoint of.
  await runLoad<Latencies>('load/amqp-bursts.ts', bursts(20))
  const count = context.either(600, 200)
  const alone = async (): Promise<Turn> => ({
    bursts: await runLoad<Latencies>('load/amqp-bursts.ts', bursts(count)),
    checkpoints: null,
  })
  const beside = async (): Promise<Turn> => {
    const job: CheckpointJob = {
      socketPath,
      hub: 'orders',
      groups,
      partitionCount,
      perSecond,
      seconds: context.either(8, 4),
    }
    const worker = Worker.start('load/checkpoints.ts', job)
    try {
      await worker.ready()
      worker.go()
      const [taken, checkpoints] = await Promise.all([
        runLoad<Latencies>('load/amqp-bursts.ts', bursts(count)),
        worker.result<CheckpointResult>(),
      ])
      if (checkpoints.refused > 0) throw new Error(`${checkpoints.refused} checkpoints were refused`)
      return { bursts: taken, checkpoints }
    } finally {
      await worker.stop()
    }
  }
  // What they cost when nobody publishes.
  const cpuBefore = cpuSecondsOf(ehub.pid) ?? Number.NaN
  const quiet = await runLoad<CheckpointResult>('load/checkpoints.ts', {
    ...{ socketPath, hub: 'orders', groups, partitionCount, perSecond, seconds: 3 },
  } satisfies CheckpointJob)
  const cpuEach = (((cpuSecondsOf(ehub.pid) ?? Number.NaN) - cpuBefore) * 1e6) / (quiet.perSecond * 3)
  const turns = await context.turns<'alone' | 'beside', Turn>({ alone, beside })
  const figure = (name: string, taken: readonly Turn[]): Figure => ({
    name,
    unit: 'ms',
    samples: taken.map((turn) => turn.bursts.p99Ms),
    detail: `p50 ${(taken.map((turn) => turn.bursts.p50Ms).toSorted((a, b) => a - b)[taken.length >> 1] ?? 0).toFixed(1)} ms`,
  })
  const without = figure('burst of 512 events, p99', turns.alone)
  const withThem = figure('the same beside checkpoints, p99', turns.beside)
  const kept = turns.beside.flatMap(({ checkpoints }) => (checkpoints === null ? [] : [checkpoints]))
  const rate: Figure = {
    name: 'checkpoints kept beside it',
    unit: 'events/s',
    samples: kept.map((one) => one.perSecond),
  }
  const call: Figure = { name: 'a call of 256 of them, p99', unit: 'ms', samples: kept.map((one) => one.callP99Ms) }
  const cpu: Figure = { name: 'CPU of the daemon for one', unit: 'us', samples: [cpuEach], detail: 'nobody publishing' }
  return {
    figures: [without, withThem, rate, call, cpu],
    bars: [
      ratioBar('publishing beside 20,000 checkpoints/s, p99, of without', withThem, without, 'at-most', 1.25),
      valueBar('checkpoints beside full publishing', rate, 'at-least', perSecond * 0.98),
    ],
    notes: [
      `sync; bursts of 512 events of 1 KB over ${partitionCount} partitions, each begun when the one before is accepted: as much as goes`,
      `${groupCount} groups of ${partitionCount} partitions, a call of the control API for each group's ${partitionCount}; durable before it is answered`,
    ],
  }
}

export const checkpoints: Bench = { name: 'checkpoints', title: 'Checkpoints beside full publishing', run }
