// Makes the golden data folders of format version 1 anew: `data-v1/clean` after a clean stop, `data-v1/killed` as a killed
// process leaves it, with acknowledged events only in the journal. Deterministic: same bytes each time, as long as the
// engine writes in the same order. They stay as they are for ever; a later version gets folders of its own.
//
//   node --import ./scripts/tsx-hook.mjs test/golden/make-data-v1.ts

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quietLog } from '../../src/base/log.ts'
import { encodeStateRecord, type StateRecord } from '../../src/daemon/broker/state-records.ts'
import { openEmbeddedEngine } from '../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../src/daemon/storage/node-disk.ts'
import type { Batch, Durability, LogId, PartitionLog } from '../../src/daemon/storage/storage-engine.ts'
import { dataSection } from '../daemon/broker/builders.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'

const target = fileURLToPath(new URL('data-v1', import.meta.url))

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

  if (isKilled) cpSync(work, folder, { recursive: true })
  await engine.close()
  if (!isKilled) cpSync(work, folder, { recursive: true })
  rmSync(work, { recursive: true, force: true })
  for (const file of ['lock', 'lock-journal', 'lock.pid', 'reserve']) rmSync(join(folder, file), { force: true })
}

await make('clean', false)
await make('killed', true)
