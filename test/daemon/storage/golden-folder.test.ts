// Folders of format version 1 stay readable, docs/FORMAT.md says enough to read them, and a newer one is refused.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import { decodeVersion, encodeVersionSlot, versionSlotBytes } from '../../../src/daemon/storage/journal-format.ts'
import type { PartitionLog, Survivors } from '../../../src/daemon/storage/storage-engine.ts'
import { always, keeping } from '../../conformance/compact-contract.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { goldenCopy, goldenKinds, goldenLogs, nextBatch, openEngine, openLog, readAll } from './golden-folder.ts'
import { type ReadLog, readFolder } from './second-reader.ts'

/** What the engine says of a log, in the second reader's words. */
async function asSecond(log: PartitionLog): Promise<ReadLog> {
  const batches = (await readAll(log)).map((batch) => ({
    sequence: batch.baseSequence,
    offset: batch.baseOffset,
    count: batch.count,
    timeMs: batch.enqueuedTimeMs,
    encoding: batch.encoding,
    payload: Buffer.from(batch.payload),
    ...(batch.survivors === undefined ? {} : { left: leftOf(batch.survivors) }),
    producer:
      batch.producer === null
        ? null
        : { id: batch.producer.producerId, sequence: batch.producer.firstSequence, epoch: batch.producer.epoch },
  }))
  return { start: log.start.sequence, end: log.end.sequence, endOffset: log.end.offset, batches }
}

function leftOf({
  count,
  listed,
  offsetSpan,
  cleanedAtMs: cleanedAt,
}: Survivors): NonNullable<ReadLog['batches'][number]['left']> {
  const sequences = listed === null ? count : [...listed.sequences]
  return { sequences, offsets: [...(listed?.offsets ?? [])], offsetSpan, cleanedAt }
}

function textOf(payload: Buffer): string {
  return payload
    .toString('latin1')
    .replaceAll(/[^a-z ]+/g, ' ')
    .trim()
}

for (const kind of goldenKinds) {
  test(`the ${kind} folder of version 1 holds what was stored`, async (t) => {
    const engine = await openEngine(goldenCopy(t, kind))
    t.after(() => engine.close())
    const [state, orders, behind, stamped] = await Promise.all(goldenLogs.map((id) => openLog(engine, id)))
    assert.ok(state !== undefined && orders !== undefined && behind !== undefined && stamped !== undefined)
    assert.deepEqual(
      [orders.start, orders.end],
      [
        { sequence: 2, offset: 26 },
        { sequence: 7, offset: 97 },
      ],
    )
    const texts = (await readAll(orders)).map(({ payload }) => textOf(payload).replaceAll(/Su /g, ''))
    assert.deepEqual(
      texts.map((text) => text.split(' ').at(-1)),
      ['three', 'four', 'five', 'six', 'seven'],
    )
    assert.deepEqual(
      (await readAll(behind)).map(({ baseSequence, count }) => [baseSequence, count]),
      [
        [0, 3],
        [3, 1],
        [4, 1],
      ],
    )
    const [kafka] = await readAll(stamped)
    assert.deepEqual(kafka?.producer, { producerId: -2n, epoch: 5, firstSequence: 41 })
    assert.deepEqual([kafka?.baseOffset, kafka?.count, kafka?.encoding], [2 ** 33, 9, 'kafka'])
    assert.deepEqual(engine.status().refusing, null)
    for (const log of [state, orders, behind, stamped]) assert.deepEqual(log.statistics().damaged, [])
  })

  test(`the ${kind} folder of version 1 can be gone on with`, async (t) => {
    const folder = goldenCopy(t, kind)
    let engine = await openEngine(folder)
    const ends = new Map<string, number>()
    for (const id of goldenLogs) {
      if (id.group === '$state') continue
      const log = await openLog(engine, id)
      await log.append([nextBatch(log, Buffer.from('one more'))])
      ends.set(id.group + id.partition, log.end.sequence)
    }
    await engine.close()
    engine = await openEngine(folder)
    t.after(() => engine.close())
    for (const id of goldenLogs) {
      if (id.group === '$state') continue
      const log = await openLog(engine, id)
      assert.equal(log.end.sequence, ends.get(id.group + id.partition))
      assert.equal((await readAll(log)).at(-1)?.payload.toString(), 'one more')
    }
  })

  test(`a second reader, made from docs/FORMAT.md, agrees about the ${kind} folder`, async (t) => {
    const folder = goldenCopy(t, kind)
    const second = readFolder(folder)
    const engine = await openEngine(folder)
    t.after(() => engine.close())
    assert.deepEqual(
      [...second.keys()].toSorted(),
      goldenLogs.map(({ group, partition }) => `${group}/${partition}`),
    )
    for (const id of goldenLogs) {
      assert.deepEqual(second.get(`${id.group}/${id.partition}`), await asSecond(await openLog(engine, id)))
    }
  })
}

test('a broker starts from the state of version 1', async (t) => {
  const engine = await openEngine(goldenCopy(t, 'killed'))
  const broker = await openBroker({
    engine,
    clock: new SimClock(),
    random: new SimRandom(1),
    log: quietLog,
    options: {},
  })
  t.after(async () => {
    await broker.close()
    await engine.close()
  })
  const hubs = broker.listHubs(broker.ownerCaller(''))
  assert.deepEqual(
    // Made before hubs had a retention: nothing of it may go because the program is newer.
    hubs.map(({ name, partitionCount, retentionMs, cleanup }) => [name, partitionCount, retentionMs, cleanup]),
    [['orders', 2, null, 'delete']],
  )
})

test('the second reader agrees with the engine about a longer life, while the daemon runs and after', async (t) => {
  const folder = goldenCopy(t, 'clean')
  const engine = await openEngine(folder, { journalFileBytes: 16_384 })
  t.after(() => engine.close())
  const random = new SimRandom(7)
  const logs = await Promise.all(
    goldenLogs.filter(({ group }) => group !== '$state').map((id) => openLog(engine, id, 4096)),
  )
  for (let round = 0; round < 60; round++) {
    for (const log of logs) {
      const count = 1 + (random.uint32() % 5)
      const one = nextBatch(log, random.bytes(count), count)
      const two = {
        ...one,
        baseSequence: one.baseSequence + one.count,
        baseOffset: one.baseOffset + one.payload.length + (random.uint32() % 3),
      }
      await log.append([one, two])
      if (random.uint32() % 20 === 0) await log.trimBefore(log.end.sequence - 3)
      if (random.uint32() % 15 === 0) {
        if (random.uint32() % 2 === 0) await log.closeSegment()
        await log.compact(
          keeping((sequence) => sequence % 4 < 2),
          always(),
        )
      }
    }
    if (round % 20 === 0) {
      const second = readFolder(folder)
      for (const log of logs) {
        assert.deepEqual(second.get(`${log.id.group}/${log.id.partition}`), await asSecond(log), `round ${round}`)
      }
    }
  }
  const before = await Promise.all(logs.map((log) => asSecond(log)))
  await engine.close()
  const second = readFolder(folder)
  assert.deepEqual(
    logs.map((log) => second.get(`${log.id.group}/${log.id.partition}`)),
    before,
  )
})

test('a folder of a newer format is refused and left as it is', async (t) => {
  const folder = goldenCopy(t, 'clean')
  const path = join(folder, 'version')
  const number = (decodeVersion(readFileSync(path))?.number ?? 0) + 1
  const slot = encodeVersionSlot({ version: 3, number, journalGeneration: 2 })
  const bytes = readFileSync(path)
  slot.copy(bytes, (number % 2) * versionSlotBytes)
  writeFileSync(path, bytes)
  const filesOf = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('lock'))
      .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'hex')])
  const before = filesOf()
  await assert.rejects(openEngine(folder), { code: 'data-folder-newer', message: /format version 3.*up to 2/ })
  assert.deepEqual(filesOf(), before)
})
