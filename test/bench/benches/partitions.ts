// What many partitions and many connections cost: commit time over dirty partitions, and throughput over both counts.

import { type Bench, type BenchContext, pageCacheState } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar } from '../frame/result.ts'
import type { Latencies } from '../frame/statistics.ts'
import { runLoad } from '../frame/workers.ts'
import type { BurstJob } from '../load/amqp-bursts.ts'
import type { EngineCommitsJob } from '../load/engine-commits.ts'
import { ehubFor } from '../subjects/ehub.ts'
import { publishTurn, rateFigure, type Turn, written } from './publishing.ts'

const partitionAddresses = (hub: string, count: number) =>
  Array.from({ length: count }, (_, partition) => `${hub}/Partitions/${partition}`)

async function runDirty(context: BenchContext): Promise<BenchResult> {
  const ehub = await ehubFor(context, [
    { name: 'one', partitionCount: 1, durability: 'sync' },
    { name: 'many', partitionCount: 256, durability: 'sync' },
  ])
  const burst = (addresses: readonly string[]) => () =>
    runLoad<Latencies>('load/amqp-bursts.ts', {
      port: ehub.port,
      user: ehub.user,
      key: ehub.key,
      addresses,
      burstEvents: 256,
      bodyBytes: 1024,
      warmUpBursts: 50,
      bursts: context.either(500, 150),
    } satisfies BurstJob)
  let folders = 0
  const commit = (logs: number) => () =>
    runLoad<Latencies>('load/engine-commits.ts', {
      folder: context.folder(`engine-${folders++}`),
      logs,
      events: 256,
      bodyBytes: 1024,
      warmUpCommits: 50,
      commits: context.either(500, 150),
    } satisfies EngineCommitsJob)
  const turns = await context.turns<'one' | 'many' | 'oneLog' | 'manyLogs', Latencies>({
    oneLog: commit(1),
    manyLogs: commit(256),
    one: burst(partitionAddresses('one', 1)),
    many: burst(partitionAddresses('many', 256)),
  })
  const figure = (name: string, taken: readonly Latencies[]): Figure => ({
    name,
    unit: 'ms',
    samples: taken.map((sample) => sample.p50Ms),
    detail: `p99 ${Math.max(...taken.map((sample) => sample.p99Ms)).toFixed(2)} ms at worst`,
  })
  const oneLog = figure('engine commit, 1 dirty partition', turns.oneLog)
  const manyLogs = figure('engine commit, 256 dirty', turns.manyLogs)
  const one = figure('burst over AMQP into 1 partition', turns.one)
  const many = figure('burst over AMQP into 256', turns.many)
  return {
    figures: [oneLog, manyLogs, one, many],
    bars: [
      ratioBar('commit of 256 dirty partitions, sync, of one', manyLogs, oneLog, 'at-most', 1.5),
      ratioBar('the same over AMQP, with everything around it', many, one, 'at-most', 1.5),
    ],
    notes: [
      'medians of one turn: 256 events of 1 KB handed to the engine at once, until every append has resolved',
      'over AMQP: a burst of 256 singles over one connection, from the first byte sent to the last one accepted',
    ],
  }
}

async function curve(
  context: BenchContext,
  counts: readonly number[],
  label: (count: number) => string,
  take: (count: number) => Promise<Turn>,
): Promise<{ figures: Figure[]; turns: Turn[] }> {
  const turns = await context.turns<string, Turn>(
    Object.fromEntries(counts.map((count) => [String(count), () => take(count)])),
  )
  return {
    figures: counts.map((count) => rateFigure(label(count), turns[String(count)] ?? [])),
    turns: Object.values(turns).flat(),
  }
}

async function runCurves(context: BenchContext): Promise<BenchResult> {
  const counts = [1, 16, 256, 1024]
  const ehub = await ehubFor(context, [
    { name: 'events', partitionCount: 4, durability: 'sync' },
    ...counts.map((count) => ({ name: `p${count}`, partitionCount: count, durability: 'sync' as const })),
  ])
  const window = { warmUpMs: 400, seconds: context.either(1.2, 0.6) }
  const overConnections = await curve(
    context,
    [1, 10, 100, 500],
    (count) => `${count} connections, sync`,
    (count) =>
      publishTurn(ehub, {
        addresses: ['events'],
        connections: count,
        batchEvents: 1,
        inFlight: Math.max(50, Math.floor(10_000 / count)),
        ...window,
      }),
  )
  const overPartitions = await curve(
    context,
    counts,
    (count) => `${count} partitions, sync`,
    (count) =>
      publishTurn(ehub, {
        addresses: partitionAddresses(`p${count}`, count),
        connections: 1,
        batchEvents: 1,
        inFlight: 5_000,
        ...window,
      }),
  )
  return {
    figures: [...overConnections.figures, ...overPartitions.figures],
    bars: [],
    notes: [
      'singles of 1 KB; connections: each one sender link to a hub of 4 partitions; partitions: one connection with a link each',
      written('in all', [...overConnections.turns, ...overPartitions.turns]),
      pageCacheState(),
    ],
  }
}

export const dirty: Bench = { name: 'dirty', title: 'Commit time over dirty partitions, sync', run: runDirty }
export const curves: Bench = {
  name: 'curves',
  writesMuch: true,
  title: 'Cost over connections and partitions',
  run: runCurves,
}
