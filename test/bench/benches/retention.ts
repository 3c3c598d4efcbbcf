// What retention costs: publishing to a thousand partitions in turns with and without events expiring.

import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar } from '../frame/result.ts'
import { runLoad } from '../frame/workers.ts'
import type { RetentionJob, RetentionSample } from '../load/retention.ts'

async function run(context: BenchContext): Promise<BenchResult> {
  const job: RetentionJob = {
    folder: context.folder('retention'),
    partitions: 1000,
    retentionMs: 2000,
    segmentBytes: 4 * 1024 * 1024,
    bodyBytes: 1024,
    rounds: context.either(5, 2),
    roundMs: context.either(4000, 2500),
  }
  const sample = await runLoad<RetentionSample>('load/retention.ts', job)
  const without: Figure = { name: 'an event, nothing expires', unit: 'us', samples: sample.without }
  const beside: Figure = {
    name: 'an event, everything expires',
    unit: 'us',
    samples: sample.beside,
    detail: `${sample.trimmedEvents.toLocaleString('en-US')} events, ${(sample.trimmedBytes / 1e6).toFixed(0)} MB deleted`,
  }
  return {
    figures: [without, beside],
    bars: [ratioBar('processor of an event beside retention, of without', beside, without, 'at-most', 1.05)],
    notes: [
      `1,000 partitions, 1 KiB events at ${Math.round(sample.eventsPerSecond).toLocaleString('en-US')}/s, a retention of 2 s, segments of 4 MiB: every partition is looked at every second; rounds in turn in one process`,
    ],
  }
}

export const retention: Bench = {
  name: 'retention',
  writesMuch: true,
  title: 'Retention of a thousand partitions, beside ingest',
  run,
}
