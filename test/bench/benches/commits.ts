// Group commit: 64 senders that each wait for their acknowledgement, in every durability mode, beside what the disk's own
// fdatasync takes. How often the engine syncs is counted in its disk, so the subject is put together from the sources.

import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar } from '../frame/result.ts'
import { runLoad, Worker } from '../frame/workers.ts'
import type { WaitingJob, WaitingResult } from '../load/amqp-waiting.ts'
import type { DiskLimits } from '../machine/disk.ts'
import type { AssembledJob } from '../subjects/assembled.ts'

const senders = 64
const modes = ['sync', 'os', 'memory'] as const
type Mode = (typeof modes)[number]

interface Turn extends WaitingResult {
  readonly syncsPerSecond: number
}

async function run(context: BenchContext): Promise<BenchResult> {
  const syncsFile = join(context.folder('counts'), 'syncs')
  const subject = Worker.start('subjects/assembled.ts', {
    folder: join(context.folder('ehub'), 'data'),
    hubs: modes.map((mode) => ({ name: mode, partitionCount: 4, durability: mode })),
    syncsFile,
  } satisfies AssembledJob)
  context.after(() => subject.stop())
  const { port, user, key } = await subject.ready<{ port: number; user: string; key: string }>()
  const counter = openSync(syncsFile, 'r')
  context.after(() => closeSync(counter))
  const syncs = () => {
    const bytes = Buffer.alloc(8)
    readSync(counter, bytes, 0, 8, 0)
    return bytes.readDoubleLE(0)
  }
  const time = { warmUpMs: 500, seconds: context.either(3, 1) }
  const waiting = (mode: Mode) => async (): Promise<Turn> => {
    const before = syncs()
    const result = await runLoad<WaitingResult>('load/amqp-waiting.ts', {
      ...{ port, user, key, senders, bodyBytes: 1024, address: mode },
      ...time,
    } satisfies WaitingJob)
    // Over the warm-up as well, at the same rate.
    const seconds = result.eventsInAll / result.eventsPerSecond
    return { ...result, syncsPerSecond: (syncs() - before) / seconds }
  }
  const diskFolder = context.folder('disk')
  const disks: DiskLimits[] = []
  const turns = await context.turns<Mode | 'disk', Turn | null>({
    sync: waiting('sync'),
    disk: async () => {
      const job = { folder: diskFolder, writeBytes: 64 * 1024 * 1024, syncs: context.either(2000, 500) }
      disks.push(await runLoad<DiskLimits>('machine/disk.ts', job))
      return null
    },
    os: waiting('os'),
    memory: waiting('memory'),
  })
  const taken = (mode: Mode) => turns[mode].filter((turn) => turn !== null)
  const percentiles = modes.flatMap((mode) => [
    figure(`${mode}, p50`, taken(mode), ({ p50Ms }) => p50Ms),
    figure(`${mode}, p99`, taken(mode), ({ p99Ms }) => p99Ms),
    figure(`${mode}, p99.9`, taken(mode), ({ p999Ms }) => p999Ms),
  ])
  const raw: readonly Figure[] = [
    { name: 'raw fdatasync, p50', unit: 'ms', samples: disks.map((disk) => disk.fdatasyncP50Ms) },
    { name: 'raw fdatasync, p99', unit: 'ms', samples: disks.map((disk) => disk.fdatasyncP99Ms) },
    { name: 'raw fdatasync, p99.9', unit: 'ms', samples: disks.map((disk) => disk.fdatasyncP999Ms) },
  ]
  const sync = rate('sync', taken('sync'))
  const os = rate('os', taken('os'))
  const syncRate: Figure = {
    name: 'fdatasync calls under sync',
    unit: 'events/s',
    samples: taken('sync').map(({ syncsPerSecond }) => syncsPerSecond),
    detail: `${mean(taken('sync').map((turn) => turn.eventsPerSecond / turn.syncsPerSecond)).toFixed(1)} events each`,
  }
  const device: Figure = {
    name: 'fdatasync calls of one busy writer',
    unit: 'events/s',
    samples: disks.map((disk) => disk.fdatasyncPerSecond),
  }
  return {
    figures: [sync, os, rate('memory', taken('memory')), syncRate, device, ...percentiles, ...raw],
    bars: [
      ratioBar(`throughput of ${senders} waiting senders, sync, of os`, sync, os, 'at-least', 0.6),
      ratioBar('fdatasync calls a second, of one busy writer', syncRate, device, 'at-least', 0.5),
    ],
    notes: [
      `${senders} connections, one event of 1 KB in flight on each, a hub of 4 partitions for each mode; engine, broker and server from the sources`,
      'os: its own syncs, every 100 ms, are in the background; memory: nothing is kept',
    ],
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

const figure = (name: string, turns: readonly Turn[], pick: (turn: Turn) => number): Figure => ({
  name,
  unit: 'ms',
  samples: turns.map(pick),
})

const rate = (mode: Mode, turns: readonly Turn[]): Figure => ({
  name: `${senders} waiting senders, ${mode}`,
  unit: 'events/s',
  samples: turns.map(({ eventsPerSecond }) => eventsPerSecond),
  detail: `generator CPU ${Math.round(mean(turns.map(({ cpuShare }) => cpuShare)) * 100)} %`,
})

export const commits: Bench = { name: 'commits', title: 'Group commit: 64 senders that wait for each event', run }
