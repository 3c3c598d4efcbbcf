// Giving events out to one fast reader: a filled partition from its beginning, against a stock rhea server.

import { type Bench, type BenchContext, pageCacheState } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar } from '../frame/result.ts'
import { runLoad } from '../frame/workers.ts'
import type { ReceiverJob } from '../load/amqp-receiver.ts'
import type { LoadResult } from '../load/job.ts'
import { ehubFor } from '../subjects/ehub.ts'
import { measured, publishTurn, rateFigure, rheaFor, type Turn } from './publishing.ts'

interface Source {
  readonly port: number
  readonly pid: number
  readonly user?: string
  readonly key?: string
}

async function readTurn(source: Source, address: string, seconds: number, eventsMax: number): Promise<Turn> {
  return measured(source.pid, () =>
    runLoad<LoadResult>('load/amqp-receiver.ts', {
      port: source.port,
      user: source.user ?? 'bench',
      key: source.key ?? 'bench',
      address,
      credit: 5_000,
      seconds,
      eventsMax,
    } satisfies ReceiverJob),
  )
}

async function run(context: BenchContext): Promise<BenchResult> {
  const events = context.either(1_000_000, 300_000)
  const ehub = await ehubFor(context, [
    { name: 'singles', partitionCount: 1, durability: 'os' },
    { name: 'batches', partitionCount: 1, durability: 'os' },
  ])
  const fill = { connections: 1, inFlight: 5_000, warmUpMs: 0, seconds: 0, eventsMax: events }
  await publishTurn(ehub, { addresses: ['singles/Partitions/0'], batchEvents: 1, ...fill })
  await publishTurn(ehub, { addresses: ['batches/Partitions/0'], batchEvents: 100, ...fill })
  const rhea = await rheaFor(context, 'messages')
  const kindRhea = await rheaFor(context, 'encoded')
  const from = (hub: string) => `${hub}/ConsumerGroups/$Default/Partitions/0`
  const seconds = context.either(2, 1)
  const turns = await context.turns<'singles' | 'rhea' | 'batches' | 'kind', Turn>({
    singles: () => readTurn(ehub, from('singles'), 30, events),
    rhea: () => readTurn(rhea, 'events', seconds, Number.MAX_SAFE_INTEGER),
    batches: () => readTurn(ehub, from('batches'), 30, events),
    kind: () => readTurn(kindRhea, 'events', seconds, Number.MAX_SAFE_INTEGER),
  })
  const single: Figure = rateFigure('ehub, stored as singles', turns.singles)
  const batched = rateFigure('ehub, stored as batches of 100', turns.batches)
  const stock = rateFigure('stock rhea, annotated messages', turns.rhea)
  const kind = rateFigure('stock rhea, encoded once', turns.kind)
  return {
    figures: [single, batched, stock, kind],
    bars: [ratioBar('out to one fast reader, over stock rhea', single, stock, 'at-least', 10)],
    notes: [
      `one partition of ${events / 1e6} M events of 1 KB (${((events * 1024) / 1e9).toFixed(2)} GB) in the page cache, read whole from its beginning; credit 5,000`,
      'the bar stands on rhea giving each event its three annotations, as ehub does; "encoded once" sends the same bytes over and over',
      pageCacheState(),
    ],
  }
}

export const delivering: Bench = {
  name: 'delivering',
  writesMuch: true,
  title: 'Events of 1 KB out, one fast reader',
  run,
}
