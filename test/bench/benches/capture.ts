// What Capture costs beside ingest: batches into a hub that is captured to the local disk and into one that is not, turn about, on
// one daemon. A turn lasts until the daemon is at rest again, so what Capture does late is counted where it belongs.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, type BenchContext, pageCacheState } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar, valueBar } from '../frame/result.ts'
import { cpuSecondsOf, runLoad } from '../frame/workers.ts'
import type { PublisherJob } from '../load/amqp-publisher.ts'
import type { LoadResult } from '../load/job.ts'
import { type Ehub, ehubFor } from '../subjects/ehub.ts'
import { measured, rateFigure, type Turn, written } from './publishing.ts'

const bodyBytes = 1024
/** CPU an event may cost so that 200 MB/s of 1 KB events take half a core. */
const microsMax = 0.5e6 / (200e6 / 1e3)
/** At rest: less than this share of a core over one look. */
const restShare = 0.1
const lookMs = 250

async function atRest(pid: number): Promise<void> {
  for (;;) {
    const before = cpuSecondsOf(pid) ?? 0
    await sleep(lookMs)
    if ((cpuSecondsOf(pid) ?? 0) - before < (restShare * lookMs) / 1000) return
  }
}

async function turn(ehub: Ehub, address: string, seconds: number): Promise<Turn> {
  return measured(ehub.pid, async () => {
    const load = await runLoad<LoadResult>('load/amqp-publisher.ts', {
      ...{ port: ehub.port, user: ehub.user, key: ehub.key, addresses: [address], bodyBytes },
      ...{ connections: 1, batchEvents: 100, inFlight: 200, warmUpMs: 400, seconds },
    } satisfies PublisherJob)
    await atRest(ehub.pid)
    return load
  })
}

async function run(context: BenchContext): Promise<BenchResult> {
  const ehub = await ehubFor(context, [
    { name: 'plain', partitionCount: 4, durability: 'sync' },
    { name: 'captured', partitionCount: 4, durability: 'sync', isCaptured: true },
  ])
  const seconds = context.either(1.6, 1)
  const turns = await context.turns<'plain' | 'captured', Turn>({
    plain: () => turn(ehub, 'plain', seconds),
    captured: () => turn(ehub, 'captured', seconds),
  })
  const plain = rateFigure('without Capture', turns.plain)
  const captured = rateFigure('with Capture', turns.captured)
  const cost: Figure = {
    name: 'CPU of Capture an event',
    unit: 'us',
    samples: turns.captured.map(({ serverMicros }, i) => serverMicros - (turns.plain[i]?.serverMicros ?? 0)),
    detail: 'CPU of the daemon an event with Capture, less without it in the same round',
  }
  return {
    figures: [plain, captured, cost],
    bars: [
      ratioBar('ingest of batches with Capture over without', captured, plain, 'at-least', 0.85),
      valueBar('CPU of Capture an event of 1 KB (half a core at 200 MB/s)', cost, 'at-most', microsMax),
    ],
    notes: [
      'one connection, one sender link to a hub of 4 partitions, batches of 100 × 1 KB, sync; files of 100 MiB beside the data',
      written('without Capture', turns.plain),
      written('with Capture', turns.captured),
      pageCacheState(),
    ],
  }
}

export const capture: Bench = {
  name: 'capture',
  writesMuch: true,
  title: 'Ingest beside Capture to the local disk',
  run,
}
