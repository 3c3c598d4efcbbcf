// Checkpoints over the control API at a steady rate, many in one call, as processors of many partitions would: every partition
// of a group moves forward with each call. Says what it reached and how long calls took.

import { SystemClock } from '../../../src/base/clock.ts'
import { ControlClient } from '../../../src/client/control-client.ts'
import { latencies } from '../frame/statistics.ts'
import { work } from './job.ts'

export interface CheckpointJob {
  readonly socketPath: string
  readonly hub: string
  readonly groups: readonly string[]
  readonly partitionCount: number
  /** Of all groups together. */
  readonly perSecond: number
  readonly seconds: number
}

export interface CheckpointResult {
  readonly perSecond: number
  readonly callP50Ms: number
  readonly callP99Ms: number
  readonly refused: number
}

work<CheckpointJob>(async (job, runner) => {
  const { socketPath, hub, groups, partitionCount, perSecond, seconds } = job
  const clock = new SystemClock()
  const control = new ControlClient({ socketPath, clock, timeoutMs: 60_000, isKept: true })
  const took: number[] = []
  let done = 0
  let refused = 0
  let sequence = -1
  // One after the other for each group, so that a group's checkpoints stay in order.
  const call = async (group: string) => {
    const checkpoints = Array.from({ length: partitionCount }, (_, partition) => {
      return { partition, sequence, offset: String(Math.max(0, sequence)) }
    })
    const beganMs = performance.now()
    const reply = await control.call('setCheckpoints', { hub, group, store: '$daemon', owner: 'bench', checkpoints })
    took.push(performance.now() - beganMs)
    refused += reply.refused.length
    done += partitionCount - reply.refused.length
  }
  runner.ready({})
  await runner.go()
  const beganMs = performance.now()
  const callsPerSecond = perSecond / partitionCount
  for (let calls = 0; performance.now() - beganMs < seconds * 1000; ) {
    const due = Math.floor(((performance.now() - beganMs) / 1000) * callsPerSecond) - calls
    const now = Math.min(due, groups.length)
    if (now < 1) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      continue
    }
    // There is at least one event: any of the first few positions is one that can be.
    sequence = (sequence + 2) % 3
    await Promise.all(Array.from({ length: now }, (_, index) => call(groups[(calls + index) % groups.length] ?? '')))
    calls += now
  }
  const elapsedSeconds = (performance.now() - beganMs) / 1000
  const { p50Ms, p99Ms } = latencies(took)
  const rate = done / elapsedSeconds
  runner.result({ perSecond: rate, callP50Ms: p50Ms, callP99Ms: p99Ms, refused } satisfies CheckpointResult)
})
