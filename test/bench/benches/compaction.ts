// Compaction: how fast it reads through a partition, what memory it takes, and what publishing beside it costs.
// `--full` takes the full size: 10 GiB with a million live keys; a tenth of it otherwise.

import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar, valueBar } from '../frame/result.ts'
import { runLoad } from '../frame/workers.ts'
import type { CompactionJob, CompactionSample } from '../load/compaction.ts'

const gib = 1024 ** 3
const mb = 1_000_000

async function run(context: BenchContext): Promise<BenchResult> {
  const bytes = context.isFull ? 10 * gib : context.either(gib, gib / 4)
  const job: CompactionJob = {
    folder: context.folder('compaction'),
    bytes,
    keys: Math.round((bytes / (10 * gib)) * 1_000_000),
    bodyBytes: 1024,
  }
  const sample = await runLoad<CompactionSample>('load/compaction.ts', job)
  const figure = (name: string, unit: Figure['unit'], value: number, detail?: string): Figure => ({
    name,
    unit,
    samples: [value],
    ...(detail === undefined ? {} : { detail }),
  })
  const speed = figure(
    'compaction, bytes of the partition',
    'MB/s',
    sample.bytesBefore / mb / sample.seconds,
    `${sample.seconds.toFixed(1)} s, ${sample.cpuSeconds.toFixed(1)} s of processor, ${sample.passes} passes, ${(sample.bytesAfter / mb).toFixed(0)} MB left`,
  )
  const memory = figure(
    'memory of the process while it runs',
    'MB',
    sample.rssMax / mb,
    `${(sample.rssBefore / mb).toFixed(0)} MB before`,
  )
  const without = figure('publish p99, alone', 'ms', sample.without.p99Ms, `p50 ${sample.without.p50Ms.toFixed(2)} ms`)
  const during = figure(
    'publish p99, beside compaction',
    'ms',
    sample.during.p99Ms,
    `p50 ${sample.during.p50Ms.toFixed(2)} ms`,
  )
  return {
    figures: [speed, memory, without, during],
    bars: [
      valueBar('compaction', speed, 'at-least', 100),
      valueBar('memory during compaction', memory, 'at-most', 300),
      ratioBar('publish p99 beside compaction, of alone', during, without, 'at-most', 1.5),
    ],
    notes: [
      `${(sample.bytesBefore / gib).toFixed(2)} GiB of 1 KiB events, ${job.keys.toLocaleString('en-US')} live keys, ${sample.eventsRemoved.toLocaleString('en-US')} events removed; the data lay in the page cache`,
    ],
  }
}

export const compaction: Bench = {
  name: 'compaction',
  writesMuch: true,
  title: 'Compaction by key, and ingest beside it',
  run,
}
