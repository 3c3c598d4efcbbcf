// What the disk of this machine gives: sequential writes into a growing file, and small durable writes one after the other.

import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { work } from '../load/job.ts'
import { latencies } from '../frame/statistics.ts'

interface Job {
  readonly folder: string
  readonly writeBytes: number
  readonly syncs: number
}

export interface DiskLimits {
  readonly writeMegabytesPerSecond: number
  readonly durableMegabytesPerSecond: number
  readonly fdatasyncP50Ms: number
  readonly fdatasyncP99Ms: number
  readonly fdatasyncP999Ms: number
  /** Writes of 4 KB included. */
  readonly fdatasyncPerSecond: number
}

work<Job>(async (job, runner) => {
  runner.ready({})
  await runner.go()
  const path = join(job.folder, 'machine.bin')
  const chunk = Buffer.alloc(1024 * 1024, 0x61)
  const file = openSync(path, 'w')
  const began = performance.now()
  for (let written = 0; written < job.writeBytes; written += chunk.length) writeSync(file, chunk)
  const writtenMs = performance.now() - began
  fdatasyncSync(file)
  const durableMs = performance.now() - began
  // 4 KB into the file's allocated part, as a group commit into a recycled journal is.
  const small = chunk.subarray(0, 4096)
  const took: number[] = []
  const syncingMs = performance.now()
  for (let index = 0; index < job.syncs; index++) {
    writeSync(file, small, 0, small.length, (index * 4096) % job.writeBytes)
    const at = performance.now()
    fdatasyncSync(file)
    took.push(performance.now() - at)
  }
  const fdatasyncPerSecond = (job.syncs * 1000) / (performance.now() - syncingMs)
  closeSync(file)
  rmSync(path)
  const { p50Ms, p99Ms, p999Ms } = latencies(took)
  const megabytes = job.writeBytes / 1e6
  runner.result({
    writeMegabytesPerSecond: megabytes / (writtenMs / 1000),
    durableMegabytesPerSecond: megabytes / (durableMs / 1000),
    fdatasyncP50Ms: p50Ms,
    fdatasyncP99Ms: p99Ms,
    fdatasyncP999Ms: p999Ms,
    fdatasyncPerSecond,
  } satisfies DiskLimits)
})
