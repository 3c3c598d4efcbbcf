// The golden data folders of every format version, for tests: always as a copy.

import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { quietLog } from '../../../src/base/log.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import type { Batch, LogId, PartitionLog, StorageEngine } from '../../../src/daemon/storage/storage-engine.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'

export const goldenFolder = fileURLToPath(new URL('../../golden', import.meta.url))

/** 2 has compacted segments. */
export type GoldenVersion = 1 | 2
export const goldenVersions: readonly GoldenVersion[] = [1, 2]

/** `clean`: after a clean stop. `killed`: the newest acknowledged events are only in the journal. */
export type GoldenKind = 'clean' | 'killed'
export const goldenKinds: readonly GoldenKind[] = ['clean', 'killed']

/** A folder with a copy of the golden one, removed after the test. */
export function goldenCopy(t: TestContext, kind: GoldenKind, version: GoldenVersion = 1): string {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-golden-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(goldenFolder, `data-v${version}`, kind), folder, { recursive: true })
  return folder
}

export function openEngine(
  folder: string,
  options: { readonly journalFileBytes?: number } = {},
): Promise<StorageEngine> {
  return openEmbeddedEngine({
    disk: new NodeDisk(folder),
    clock: new SimClock(),
    random: new SimRandom(1),
    log: quietLog,
    options: { ...options, lowWaterBytes: 4096, reserveBytes: 0 },
  })
}

/** In every version. */
export const goldenLogs: readonly LogId[] = [
  { group: '$state', partition: 0 },
  { group: 'ns1/h2', partition: 0 },
  { group: 'ns1/h2', partition: 1 },
  { group: 'raw', partition: 1023 },
]

/** Compacted, since version 2. */
export const goldenCompacted: LogId = { group: 'ns1/h3', partition: 0 }

export function goldenLogsOf(version: GoldenVersion): readonly LogId[] {
  return version === 1 ? goldenLogs : [...goldenLogs, goldenCompacted]
}

export function openLog(engine: StorageEngine, id: LogId, segmentBytes = 1 << 20): Promise<PartitionLog> {
  const durability = id.group === 'ns1/h2' && id.partition === 1 ? 'os' : 'sync'
  return engine.openLog(id, { durability, segmentBytes })
}

export async function readAll(log: PartitionLog): Promise<Batch[]> {
  const batches: Batch[] = []
  for (let from = log.start.sequence; from < log.end.sequence; ) {
    const read = await log.read(from, 1 << 20)
    batches.push(...read)
    const last = read.at(-1)
    if (last === undefined) throw new Error(`nothing at ${from} before the end ${log.end.sequence}`)
    from = last.baseSequence + last.count
  }
  return batches
}

/** The batch that continues the log. */
export function nextBatch(log: PartitionLog, payload: Buffer, count = 1): Batch {
  return {
    baseSequence: log.end.sequence,
    baseOffset: log.end.offset,
    count,
    enqueuedTimeMs: log.lastEnqueuedTimeMs ?? 1,
    encoding: log.id.group === '$state' ? 'state' : 'amqp',
    payload,
    producer: null,
  }
}
