// Publish-to-receive latency at a steady rate, for any protocol: the publisher's clock reading travels in the body's first
// eight bytes and is compared on arrival in the same process.

import type { Runner } from './job.ts'
import { type Latencies, latencies } from '../frame/statistics.ts'

export interface LatencyJob {
  readonly port: number
  readonly bodyBytes: number
  readonly eventsPerSecond: number
  readonly warmUpMs: number
  readonly seconds: number
}

/** Writes the time into a message about to leave. */
export type Stamp = (message: Buffer, bodyAt: number) => void

export interface Path {
  publish(stamp: Stamp): void
  close(): void
}

export type OpenPath = (onBody: (chunk: Buffer, bodyAt: number) => void) => Promise<Path>

export interface LatencyResult extends Latencies {
  readonly sent: number
  readonly cpuShare: number
}

export async function measureLatency(job: LatencyJob, runner: Runner, open: OpenPath): Promise<void> {
  const samples: number[] = []
  let received = 0
  let measureFromMs = Number.POSITIVE_INFINITY
  let onReceived: () => void = () => undefined
  const path = await open((chunk, bodyAt) => {
    const sentMs = chunk.readDoubleLE(bodyAt)
    received++
    if (sentMs >= measureFromMs) samples.push(performance.now() - sentMs)
    onReceived()
  })
  runner.ready({})
  await runner.go()
  const beganMs = performance.now()
  measureFromMs = beganMs + job.warmUpMs
  const cpu = process.cpuUsage()
  const count = Math.round((job.warmUpMs / 1000 + job.seconds) * job.eventsPerSecond)
  // One event at each due time. Timers fire on whole milliseconds, so an event may leave up to 1 ms late; its stamp is
  // taken when it leaves, and two overdue events are a burst that both partners meet alike.
  for (let sent = 0; sent < count; ) {
    const dueMs = beganMs + (sent * 1000) / job.eventsPerSecond
    const waitMs = dueMs - performance.now()
    if (waitMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      continue
    }
    path.publish((message, bodyAt) => message.writeDoubleLE(performance.now(), bodyAt))
    sent++
  }
  const wallSeconds = (performance.now() - beganMs) / 1000
  const used = process.cpuUsage(cpu)
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${count - received} of ${count} events did not arrive`)), 10_000)
    onReceived = () => {
      if (received < count) return
      clearTimeout(timer)
      resolve()
    }
    onReceived()
  })
  path.close()
  runner.result({
    ...latencies(samples),
    sent: count,
    cpuShare: (used.user + used.system) / 1e6 / wallSeconds,
  } satisfies LatencyResult)
}
