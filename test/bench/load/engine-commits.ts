// Commit times of the storage engine itself, without protocol and broker: 256 events handed over in one turn, into one log or
// one into each of 256 logs, timed until every append has resolved.

import { mkdirSync } from 'node:fs'
import { SystemClock } from '../../../src/base/clock.ts'
import { quietLog } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import type { PartitionLog } from '../../../src/daemon/storage/storage-engine.ts'
import { latencies } from '../frame/statistics.ts'
import { work } from './job.ts'

export interface EngineCommitsJob {
  readonly folder: string
  readonly logs: number
  readonly events: number
  readonly bodyBytes: number
  readonly warmUpCommits: number
  readonly commits: number
}

work<EngineCommitsJob>(async (job, runner) => {
  mkdirSync(job.folder, { recursive: true, mode: 0o700 })
  const clock = new SystemClock()
  const engine = await openEmbeddedEngine({
    disk: new NodeDisk(job.folder),
    clock,
    random: new SystemRandom(),
    log: quietLog,
    options: {},
  })
  const logs: PartitionLog[] = []
  for (let partition = 0; partition < job.logs; partition++) {
    const config = { durability: 'sync', segmentBytes: 64 * 1024 * 1024 } as const
    logs.push(await engine.openLog({ group: 'bench/h1', partition }, config))
  }
  runner.ready({})
  await runner.go()
  // As the broker does: what came for a partition in one turn is one batch.
  const countPerLog = job.events / job.logs
  const payload = Buffer.alloc(countPerLog * (job.bodyBytes + 16), 0x61)
  const next = logs.map((log) => ({ ...log.end }))
  const took: number[] = []
  for (let commit = 0; commit < job.warmUpCommits + job.commits; commit++) {
    const beganMs = performance.now()
    const enqueuedTimeMs = clock.now()
    await Promise.all(
      logs.map((log, index) => {
        const at = next[index] ?? log.end
        next[index] = { sequence: at.sequence + countPerLog, offset: at.offset + payload.length }
        return log.append([
          {
            baseSequence: at.sequence,
            baseOffset: at.offset,
            count: countPerLog,
            enqueuedTimeMs,
            encoding: 'amqp',
            payload,
            producer: null,
          },
        ])
      }),
    )
    if (commit >= job.warmUpCommits) took.push(performance.now() - beganMs)
  }
  await engine.close()
  runner.result(latencies(took))
})
