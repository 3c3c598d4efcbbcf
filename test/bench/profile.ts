// Where the time goes: one load against ehub from its sources under `--cpu-prof`, then the functions of its main thread by their own
// time while the load ran, first half left out: that is where code is compiled. Time the thread did not get counts as well.
//   node_modules/.bin/node test/bench/profile.ts LOAD [seconds] [--keep FILE]
// Loads: singles-os singles-sync batches-sync bursts partitions connections delivering latency-os latency-sync

import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publishTurn } from './benches/publishing.ts'
import { topFunctions } from './frame/cpu-profile.ts'
import { runLoad } from './frame/workers.ts'
import type { Latencies } from './frame/statistics.ts'
import type { BurstJob } from './load/amqp-bursts.ts'
import type { AmqpLatencyJob } from './load/amqp-latency.ts'
import type { LatencyResult } from './load/latency.ts'
import type { ReceiverJob } from './load/amqp-receiver.ts'
import type { LoadResult } from './load/job.ts'
import { type Ehub, startEhub } from './subjects/ehub.ts'

const bodyBytes = 1024

const loads: Readonly<Record<string, (ehub: Ehub, seconds: number) => Promise<LoadResult>>> = {
  'singles-os': (ehub, seconds) => publish(ehub, 'os', 1, 1, seconds),
  'singles-sync': (ehub, seconds) => publish(ehub, 'sync', 1, 1, seconds),
  'batches-sync': (ehub, seconds) => publish(ehub, 'sync', 100, 1, seconds),
  connections: (ehub, seconds) => publish(ehub, 'sync', 1, 500, seconds),
  'latency-os': (ehub, seconds) => latency(ehub, 'os', seconds),
  'latency-sync': (ehub, seconds) => latency(ehub, 'sync', seconds),
  partitions: async (ehub, seconds) => {
    const addresses = Array.from({ length: 256 }, (_, partition) => `many/Partitions/${partition}`)
    const job = { addresses, connections: 1, batchEvents: 1, inFlight: 5_000, warmUpMs: 500, seconds, bodyBytes }
    return (await publishTurn(ehub, job)).load
  },
  bursts: async (ehub) => {
    const took = await runLoad<Latencies>('load/amqp-bursts.ts', {
      port: ehub.port,
      user: ehub.user,
      key: ehub.key,
      addresses: Array.from({ length: 256 }, (_, partition) => `many/Partitions/${partition}`),
      burstEvents: 256,
      bodyBytes,
      warmUpBursts: 50,
      bursts: 2_000,
    } satisfies BurstJob)
    const seconds = (took.p50Ms / 1000) * took.count
    const events = took.count * 256
    return { events, bytes: 0, seconds, eventsPerSecond: events / seconds, cpuShare: 0, eventsInAll: events }
  },
  delivering: async (ehub) => {
    const fill = { connections: 1, inFlight: 5_000, warmUpMs: 0, seconds: 0, eventsMax: 700_000 }
    await publishTurn(ehub, { addresses: ['os/Partitions/0'], batchEvents: 1, ...fill })
    const job = {
      port: ehub.port,
      user: ehub.user,
      key: ehub.key,
      address: 'os/ConsumerGroups/$Default/Partitions/0',
      credit: 5_000,
      seconds: 30,
      eventsMax: fill.eventsMax,
    } satisfies ReceiverJob
    let result = await runLoad<LoadResult>('load/amqp-receiver.ts', job)
    for (let round = 0; round < 4; round++) result = await runLoad<LoadResult>('load/amqp-receiver.ts', job)
    return result
  },
}

/** 400 events a second, each to be received at once. */
async function latency(ehub: Ehub, hub: string, seconds: number): Promise<LoadResult> {
  const taken = await runLoad<LatencyResult>('load/amqp-latency.ts', {
    port: ehub.port,
    user: ehub.user,
    key: ehub.key,
    bodyBytes,
    eventsPerSecond: 400,
    warmUpMs: 1_000,
    seconds,
    senderAddress: `${hub}/Partitions/0`,
    receiverAddress: `${hub}/ConsumerGroups/$Default/Partitions/0`,
  } satisfies AmqpLatencyJob)
  const { p50Ms, p99Ms, sent, cpuShare } = taken
  process.stdout.write(`p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms\n`)
  return { events: sent, bytes: sent * bodyBytes, seconds, eventsPerSecond: 400, cpuShare, eventsInAll: sent }
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

async function publish(ehub: Ehub, hub: string, batchEvents: number, connections: number, seconds: number) {
  const inFlight = batchEvents === 1 ? Math.max(50, 50_000 / connections) : 200
  const job = { addresses: [hub], connections, batchEvents, inFlight, warmUpMs: 500, seconds, bodyBytes }
  return (await publishTurn(ehub, job)).load
}

const [name = '', seconds = '4', , keep] = process.argv.slice(2)
const load = loads[name]
if (load === undefined) throw new Error(`no load "${name}"; there are ${Object.keys(loads).join(', ')}`)
process.env['EHUB_BENCH_SUBJECT'] = 'sources'
const folder = mkdtempSync(join(tmpdir(), 'ehub-profile-'))
try {
  const ehub = await startEhub({
    folder: join(folder, 'data'),
    hubs: [
      { name: 'os', partitionCount: 4, durability: 'os' },
      { name: 'sync', partitionCount: 4, durability: 'sync' },
      { name: 'many', partitionCount: 256, durability: 'sync' },
    ],
    nodeFlags: ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', join(folder, 'profile')],
  })
  const beganMicros = monotonicMicros()
  const result = await load(ehub, Number(seconds))
  const endedMicros = monotonicMicros()
  await ehub.stop()
  const file = readdirSync(join(folder, 'profile'))[0]
  if (file === undefined) throw new Error('no profile was written')
  const path = join(folder, 'profile', file)
  if (keep !== undefined) copyFileSync(path, keep)
  const fromMicros = (beganMicros + endedMicros) / 2
  const { busyShare, busyMicros, top } = topFunctions(path, 40, fromMicros, endedMicros)
  process.stdout.write(
    `${name}: ${Math.round(result.eventsPerSecond)} events/s, generator CPU ${result.cpuShare.toFixed(2)}\n`,
  )
  // Events come evenly enough for half of them to belong to half of the time.
  const eventMicros = busyMicros / (result.eventsInAll / 2)
  process.stdout.write(
    `main thread busy ${(busyShare * 100).toFixed(0)} % of the second half, ${eventMicros.toFixed(2)} us an event:\n`,
  )
  for (const { name: functionName, share } of top) {
    const micros = (share * eventMicros).toFixed(2).padStart(8)
    process.stdout.write(`${(share * 100).toFixed(1).padStart(6)} % ${micros} us  ${functionName}\n`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
