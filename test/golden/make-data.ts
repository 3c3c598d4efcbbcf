// Makes the golden data folders of the present format version: `data-v2/clean` after a clean stop, `data-v2/killed` as a killed
// process leaves it, with acknowledged events only in the journal. Deterministic: same bytes each time, as long as the
// engine writes in the same order. Folders of a released version stay as they are for ever: `data-v1` was made by the engine of
// version 1, before there was compaction, and cannot be made by this one.
//
//   node --import ./scripts/tsx-hook.mjs test/golden/make-data.ts

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quietLog } from '../../src/base/log.ts'
import { KeyKeeper, NewestStamps, noteKeys } from '../../src/daemon/broker/compaction-keys.ts'
import { LatestMap } from '../../src/daemon/broker/latest-map.ts'
import { encodeStateRecord, type StateRecord } from '../../src/daemon/broker/state-records.ts'
import { openEmbeddedEngine } from '../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../src/daemon/storage/node-disk.ts'
import type { Batch, Durability, LogId, PartitionLog } from '../../src/daemon/storage/storage-engine.ts'
import { EventKeyReader } from '../../src/wire/amqp/event-keys.ts'
import { dataSection } from '../daemon/broker/builders.ts'
import { keyedPayload } from '../sim/keyed-events.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'

const target = fileURLToPath(new URL('data-v2', import.meta.url))

const compactedAtMs = 1_700_000_000_100

const records: readonly StateRecord[] = [
  { kind: 'namespace-created', number: 1, name: 'local', createdAtMs: 1_700_000_000_000 },
  {
    kind: 'rule-set',
    namespace: 1,
    name: 'RootManageSharedAccessKey',
    rights: ['listen', 'manage', 'send'],
    primaryKey: 'golden-primary',
    secondaryKey: 'golden-secondary',
  },
  {
    kind: 'hub-created',
    number: 2,
    namespace: 1,
    name: 'orders',
    partitionCount: 2,
    durability: 'sync',
    createdAtMs: 1_700_000_000_000,
  },
  { kind: 'group-created', hub: 2, name: '$Default', createdAtMs: 1_700_000_000_000 },
  {
    kind: 'hub-created',
    number: 3,
    namespace: 1,
    name: 'prices',
    partitionCount: 1,
    durability: 'sync',
    createdAtMs: 1_700_000_000_000,
  },
  { kind: 'group-created', hub: 3, name: '$Default', createdAtMs: 1_700_000_000_000 },
  { kind: 'hub-updated', number: 3, cleanup: 'compact', tombstoneRetentionMs: 3_600_000 },
  { kind: 'compaction-progress', hub: 3, partition: 0, sequence: 11, offset: 434, tombstonesMs: compactedAtMs },
  {
    kind: 'checkpoint-set',
    hub: 2,
    group: '$Default',
    partition: 0,
    sequence: 3,
    offset: 60,
    enqueuedTimeMs: 1_700_000_000_003,
    owner: null,
    updatedAtMs: 1_700_000_000_009,
    revision: 1,
  },
]

/** The batch that continues the log. */
function next(log: Pick<PartitionLog, 'end' | 'lastEnqueuedTimeMs'>, payload: Buffer, more: Partial<Batch>): Batch {
  return {
    baseSequence: log.end.sequence,
    baseOffset: log.end.offset,
    count: 1,
    enqueuedTimeMs: 1_700_000_000_000 + log.end.sequence,
    encoding: 'amqp',
    payload,
    producer: null,
    ...more,
  }
}

function after(batch: Batch): Pick<PartitionLog, 'end' | 'lastEnqueuedTimeMs'> {
  const end = { sequence: batch.baseSequence + batch.count, offset: batch.baseOffset + batch.payload.length }
  return { end, lastEnqueuedTimeMs: batch.enqueuedTimeMs }
}

/** One AMQP message with a data section, as a producer sends it, in the data section it is stored in. */
function event(text: string): Buffer {
  return dataSection(dataSection(text))
}

/** A batch of events, each `[key, body]`; an empty body is a delete marker. */
function keyed(log: Parameters<typeof next>[0], events: readonly (readonly [string | null, string])[]): Batch {
  const payload = Buffer.concat(events.map(([key, body]) => keyedPayload({ key, body })))
  return next(log, payload, { count: events.length })
}

/**
 * A log whose first segments compaction has replaced by its own, in which there is of everything: a batch that is whole, one that
 * lost events, one with a delete marker, one of which only the producer's stamp is left, one that is gone.
 */
async function makeCompacted(log: PartitionLog): Promise<void> {
  const producer = { producerId: 77n, epoch: 1, firstSequence: 5 }
  await log.append([keyed(log, [['a', 'a1'], ['b', 'b1'], [null, 'no key'], ['c', 'c1']])])
  await log.append([{ ...keyed(log, [['a', 'a2'], ['b', 'b2']]), producer }])
  await log.append([keyed(log, [['b', 'b3']])])
  await log.append([keyed(log, [['c', ''], ['a', 'a3']])])
  await log.append([keyed(log, [['b', 'b4'], ['d', 'd1']])])
  await log.closeSegment()
  const readers = { amqp: new EventKeyReader() }
  const map = new LatestMap(4096, 100, 0, 1)
  const stamps = new NewestStamps()
  for (const batch of await log.read(0, 1 << 20)) {
    noteKeys(batch, readers, map)
    stamps.note(batch)
  }
  const input = { readers, map, stamps, end: log.end.sequence, nowMs: compactedAtMs, tombstoneRetentionMs: 3_600_000 }
  const { signal } = new AbortController()
  await log.compact(new KeyKeeper(input).keep, { before: log.end.sequence, signal })
  await log.append([keyed(log, [['d', 'd2']])])
  await log.append([keyed(log, [['a', ''], ['e', 'e1']])])
}

async function make(name: string, isKilled: boolean): Promise<void> {
  const folder = join(target, name)
  const work = `${folder}.making`
  rmSync(work, { recursive: true, force: true })
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const engine = await openEmbeddedEngine({
    disk: new NodeDisk(work),
    clock: new SimClock(),
    random: new SimRandom(1),
    log: quietLog,
    options: { journalFileBytes: 4096, lowWaterBytes: 4096, reserveBytes: 0 },
  })
  const open = (id: LogId, durability: Durability) => engine.openLog(id, { durability, segmentBytes: 1536 })

  const state = await open({ group: '$state', partition: 0 }, 'sync')
  const payload = Buffer.concat(records.map(encodeStateRecord))
  await state.append([next(state, payload, { count: records.length, encoding: 'state' })])

  const orders = await open({ group: 'ns1/h2', partition: 0 }, 'sync')
  for (const text of ['one', 'two', 'three', 'four', 'five', 'six', 'seven']) {
    await orders.append([next(orders, event(text), {})])
  }
  await orders.trimBefore(2)
  if (!isKilled) await orders.close()

  const behind = await open({ group: 'ns1/h2', partition: 1 }, 'os')
  const first = next(behind, Buffer.concat([event('a'), event('b'), event('c')]), { count: 3 })
  await behind.append([first, next(after(first), event('d'), {})])
  await behind.append([next(behind, event('e'), {})])

  const stamped = await open({ group: 'raw', partition: 1023 }, 'sync')
  const producer = { producerId: -2n, epoch: 5, firstSequence: 41 }
  const offset = { baseOffset: 2 ** 33, enqueuedTimeMs: 1_700_000_000_777 }
  await stamped.append([next(stamped, Buffer.from('not looked into'), { ...offset, count: 9, encoding: 'kafka', producer })])

  await makeCompacted(await open({ group: 'ns1/h3', partition: 0 }, 'sync'))

  if (isKilled) cpSync(work, folder, { recursive: true })
  await engine.close()
  if (!isKilled) cpSync(work, folder, { recursive: true })
  rmSync(work, { recursive: true, force: true })
  for (const file of ['lock', 'lock-journal', 'lock.pid', 'reserve']) rmSync(join(folder, file), { force: true })
}

await make('clean', false)
await make('killed', true)
