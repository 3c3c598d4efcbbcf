// Publish-to-receive latency at 400 events a second, against NATS JetStream, with the raw fdatasync of the same minute beside.

import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar } from '../frame/result.ts'
import { runLoad } from '../frame/workers.ts'
import type { AmqpLatencyJob } from '../load/amqp-latency.ts'
import type { LatencyResult } from '../load/latency.ts'
import { createStream } from '../load/nats-connection.ts'
import type { NatsLatencyJob } from '../load/nats-latency.ts'
import type { DiskLimits } from '../machine/disk.ts'
import { startNats } from '../partners/nats-server.ts'
import { ehubFor } from '../subjects/ehub.ts'

async function run(context: BenchContext): Promise<BenchResult> {
  const ehub = await ehubFor(context, [
    { name: 'os', partitionCount: 1, durability: 'os' },
    { name: 'sync', partitionCount: 1, durability: 'sync' },
  ])
  const nats = await startNats(context.folder('nats'))
  if (nats !== null) {
    context.after(() => nats.stop())
    await createStream(nats.port, 'latency')
  }
  const diskFolder = context.folder('disk')
  const rate = { bodyBytes: 1024, eventsPerSecond: 400, warmUpMs: 1_000, seconds: context.either(5, 2) }
  const overAmqp = (hub: string) => () =>
    runLoad<LatencyResult>('load/amqp-latency.ts', {
      ...rate,
      port: ehub.port,
      user: ehub.user,
      key: ehub.key,
      senderAddress: `${hub}/Partitions/0`,
      receiverAddress: `${hub}/ConsumerGroups/$Default/Partitions/0`,
    } satisfies AmqpLatencyJob)
  const syncs: DiskLimits[] = []
  const turns = await context.turns<'os' | 'nats' | 'sync' | 'disk', LatencyResult | null>({
    os: overAmqp('os'),
    nats:
      nats === null
        ? null
        : () =>
            runLoad<LatencyResult>('load/nats-latency.ts', {
              ...rate,
              port: nats.port,
              stream: 'latency',
            } satisfies NatsLatencyJob),
    sync: overAmqp('sync'),
    disk: async () => {
      const job = { folder: diskFolder, writeBytes: 64 * 1024 * 1024, syncs: context.either(1000, 200) }
      syncs.push(await runLoad<DiskLimits>('machine/disk.ts', job))
      return null
    },
  })
  const figures = (name: string, key: 'os' | 'nats' | 'sync') => {
    const taken = turns[key].filter((turn) => turn !== null)
    const of = (suffix: string, pick: (turn: LatencyResult) => number): Figure => ({
      name: `${name}, ${suffix}`,
      unit: 'ms',
      samples: taken.map(pick),
    })
    return [of('p50', (turn) => turn.p50Ms), of('p99', (turn) => turn.p99Ms)] as const
  }
  const [osMedian, osTail] = figures('ehub os', 'os')
  const [syncMedian, syncTail] = figures('ehub sync', 'sync')
  const partner = nats === null ? null : figures(`NATS ${nats.version}`, 'nats')
  return {
    figures: [
      osMedian,
      osTail,
      ...(partner ?? []),
      syncMedian,
      syncTail,
      { name: 'raw fdatasync, p50', unit: 'ms', samples: syncs.map((disk) => disk.fdatasyncP50Ms) },
      { name: 'raw fdatasync, p99', unit: 'ms', samples: syncs.map((disk) => disk.fdatasyncP99Ms) },
    ],
    bars: [
      ratioBar('latency p50, os, of NATS', osMedian, partner?.[0], 'at-most', 1),
      ratioBar('latency p99, os, of NATS', osTail, partner?.[1], 'at-most', 1.5),
    ],
    notes: [
      `${rate.seconds * rate.eventsPerSecond} events of 1 KB a turn after 1 s of warm-up; publisher and reader in one process, one clock`,
      'NATS: push consumer without acknowledgement; by default it syncs the file every two minutes, ehub in `os` every 100 ms',
      ...(nats === null ? ['nats-server is not installed: skipped'] : []),
    ],
  }
}

export const latency: Bench = { name: 'latency', title: 'Publish-to-receive latency at 400 events/s', run }
