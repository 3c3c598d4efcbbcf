// Folders of every format version stay readable, docs/FORMAT.md says enough to read them, and a newer one is refused.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import type { HubDescription } from '../../../src/daemon/broker/broker-api.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import type { InspectLine } from '../../../src/daemon/storage/inspect-line.ts'
import { inspect } from '../../../src/daemon/storage/inspect.ts'
import { decodeVersion, encodeVersionSlot, versionSlotBytes } from '../../../src/daemon/storage/journal-format.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import { sequenceOfIndex } from '../../../src/daemon/storage/survivors.ts'
import type { PartitionLog, Survivors } from '../../../src/daemon/storage/storage-engine.ts'
import { always, keeping } from '../../conformance/compact-contract.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { keyedEventsOf } from '../../sim/keyed-events.ts'
import {
  goldenCompacted,
  goldenCopy,
  goldenKinds,
  goldenLogs,
  goldenLogsOf,
  type GoldenVersion,
  goldenVersions,
  nextBatch,
  openEngine,
  openLog,
  readAll,
} from './golden-folder.ts'
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

for (const [version, kind] of goldenVersions.flatMap((number) => goldenKinds.map((one) => [number, one] as const))) {
  test(`the ${kind} folder of version ${version} holds what was stored`, async (t) => {
    const engine = await openEngine(goldenCopy(t, kind, version))
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

  test(`the ${kind} folder of version ${version} can be gone on with`, async (t) => {
    const folder = goldenCopy(t, kind, version)
    let engine = await openEngine(folder)
    const ends = new Map<string, number>()
    for (const id of goldenLogsOf(version)) {
      if (id.group === '$state') continue
      const log = await openLog(engine, id)
      await log.append([nextBatch(log, Buffer.from('one more'))])
      ends.set(id.group + id.partition, log.end.sequence)
    }
    await engine.close()
    engine = await openEngine(folder)
    t.after(() => engine.close())
    for (const id of goldenLogsOf(version)) {
      if (id.group === '$state') continue
      const log = await openLog(engine, id)
      assert.equal(log.end.sequence, ends.get(id.group + id.partition))
      assert.equal((await readAll(log)).at(-1)?.payload.toString(), 'one more')
    }
  })

  test(`a second reader, made from docs/FORMAT.md, agrees about the ${kind} folder of version ${version}`, async (t) => {
    const folder = goldenCopy(t, kind, version)
    const second = readFolder(folder)
    const engine = await openEngine(folder)
    t.after(() => engine.close())
    assert.deepEqual(
      [...second.keys()].toSorted(),
      goldenLogsOf(version)
        .map(({ group, partition }) => `${group}/${partition}`)
        .toSorted(),
    )
    for (const id of goldenLogsOf(version)) {
      assert.deepEqual(second.get(`${id.group}/${id.partition}`), await asSecond(await openLog(engine, id)))
    }
  })
}

for (const kind of goldenKinds) {
  test(`the ${kind} folder of version 2 has what compaction left, where it stood`, async (t) => {
    const engine = await openEngine(goldenCopy(t, kind, 2))
    t.after(() => engine.close())
    const log = await openLog(engine, goldenCompacted)
    const batches = await readAll(log)
    assert.deepEqual(
      batches.flatMap((batch) =>
        keyedEventsOf(batch.payload).map(({ key, body }, index) => [sequenceOfIndex(batch, index), key, body]),
      ),
      [
        [2, null, 'no key'],
        [7, 'c', ''],
        [8, 'a', 'a3'],
        [9, 'b', 'b4'],
        [10, 'd', 'd1'],
        [11, 'd', 'd2'],
        [12, 'a', ''],
        [13, 'e', 'e1'],
      ],
    )
    assert.deepEqual(
      batches.map(({ baseSequence, count, producer, survivors }) => [
        baseSequence,
        count,
        producer?.firstSequence ?? null,
        survivors?.count ?? null,
        survivors?.cleanedAtMs ?? null,
      ]),
      [
        [0, 4, null, 1, null],
        [4, 2, 5, 0, null],
        [6, 1, null, 0, null],
        [7, 2, null, 2, 1_700_000_000_100],
        [9, 2, null, null, null],
        [11, 1, null, null, null],
        [12, 2, null, null, null],
      ],
    )
    assert.deepEqual([log.start.sequence, log.end.sequence], [0, 14])
    assert.deepEqual(log.statistics().damaged, [])
    const lines: InspectLine[] = []
    for await (const line of inspect(new NodeDisk(goldenCopy(t, kind, 2)), '', 'directory')) lines.push(line)
    assert.deepEqual(
      lines.filter(({ level }) => level === 'damage'),
      [],
    )
  })
}

async function hubsOf(t: TestContext, version: GoldenVersion): Promise<readonly HubDescription[]> {
  const engine = await openEngine(goldenCopy(t, 'killed', version))
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
  return broker.listHubs(broker.ownerCaller(''))
}

test('a broker starts from the state of every version', async (t) => {
  const settings = ({ name, partitionCount, retentionMs, cleanup }: HubDescription) => [
    name,
    partitionCount,
    retentionMs,
    cleanup,
  ]
  // Made before hubs had a retention: nothing of it may go because the program is newer.
  const orders = ['orders', 2, null, 'delete']
  assert.deepEqual((await hubsOf(t, 1)).map(settings), [orders])
  assert.deepEqual((await hubsOf(t, 2)).map(settings), [orders, ['prices', 1, null, 'compact']])
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
