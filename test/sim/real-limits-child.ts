// The engine on the real disk against a limit the system sets: a full file system, the largest file, the most open files.
// Says on its last line what happened; exits 1 when anything acknowledged is missing.
//   node real-limits-child.ts <folder> <logs> <megabytes>

import assert from 'node:assert/strict'
import { SystemClock } from '../../src/base/clock.ts'
import { type EhubError, isEhubError } from '../../src/base/error.ts'
import { quietLog } from '../../src/base/log.ts'
import { SystemRandom } from '../../src/base/random.ts'
import { openEmbeddedEngine } from '../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../src/daemon/storage/node-disk.ts'
import type { PartitionLog, StorageEngine } from '../../src/daemon/storage/storage-engine.ts'
import { BatchMaker, readAll } from '../conformance/log-contract.ts'
import { smallEngineOptions } from './engines.ts'

const [folder = '', logCount = '2', megabytes = '16'] = process.argv.slice(2)
const clock = new SystemClock()
const batchBytes = 16_000
const retries = 400
const retryMs = 25

const open = () =>
  openEmbeddedEngine({
    disk: new NodeDisk(folder),
    clock,
    random: new SystemRandom(),
    log: quietLog,
    options: smallEngineOptions,
  })

async function openLogs(engine: StorageEngine): Promise<PartitionLog[]> {
  const logs: PartitionLog[] = []
  for (let i = 0; i < Number(logCount); i++) {
    const id = { group: `ns/h${Math.floor(i / 1000)}`, partition: i % 1000 }
    logs.push(await engine.openLog(id, { durability: 'sync', segmentBytes: 200_000 }))
  }
  return logs
}

/** The refusal, or null when everything was taken. */
async function appendOne(log: PartitionLog): Promise<EhubError | null> {
  const maker = new BatchMaker(log.end.sequence, log.end.offset)
  maker.timeMs = Math.max(maker.timeMs, log.lastEnqueuedTimeMs ?? 0)
  try {
    await log.append([maker.batch(1, batchBytes)])
    return null
  } catch (error) {
    if (isEhubError(error, 'disk-full')) return error
    throw error
  }
}

async function verify(logs: readonly PartitionLog[], acknowledged: readonly number[]): Promise<void> {
  for (const [i, log] of logs.entries()) {
    assert.equal(log.end.sequence, acknowledged[i], `log ${i} ends where it was acknowledged`)
    let offset = log.start.offset
    for (const batch of await readAll(log, 100_000)) {
      const [expected] = [new BatchMaker(batch.baseSequence, offset).batch(1, batchBytes)]
      assert.ok(batch.payload.equals(expected.payload), `payload of ${batch.baseSequence}`)
      offset += batchBytes
    }
  }
}

let engine = await open()
let logs = await openLogs(engine)
let refusal: EhubError | null = null
let written = 0
while (refusal === null && written * batchBytes < Number(megabytes) * 1_000_000) {
  refusal = await appendOne(logs[written % logs.length]!)
  if (refusal === null) written++
}
const acknowledged = logs.map((log) => log.end.sequence)
await verify(logs, acknowledged)

// Space comes back: appends go on by themselves.
let resumed = false
if (refusal !== null) {
  for (const log of logs) await log.trimBefore(log.end.sequence - 1)
  for (let i = 0; i < retries && !resumed; i++) {
    resumed = (await appendOne(logs[0]!)) === null
    if (!resumed) await new Promise<void>((resolve) => void setTimeout(resolve, retryMs))
  }
  acknowledged[0] = logs[0]!.end.sequence
}
await engine.close()
engine = await open()
logs = await openLogs(engine)
await verify(logs, acknowledged)
await engine.close()
process.stdout.write(`${JSON.stringify({ written, refused: refusal?.message ?? null, resumed })}\n`)
