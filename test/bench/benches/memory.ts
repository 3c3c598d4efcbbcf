// Memory: an idle daemon, what an idle connection adds, and a large file of lines through `ehub send`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, type BenchContext, pageCacheState } from '../frame/context.ts'
import { type BenchResult, type Figure, valueBar } from '../frame/result.ts'
import { memoryOf, runLoad, Worker } from '../frame/workers.ts'
import type { IdleJob } from '../load/amqp-idle.ts'
import type { LinesResult } from '../machine/lines.ts'
import { daemonExists, environmentIn, launcher } from '../subjects/daemon.ts'
import { ehubFor, startEhub } from '../subjects/ehub.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function rssOf(pid: number): number {
  const memory = memoryOf(pid)
  if (memory === null) throw new Error('memory of other processes is read from /proc, which this machine has not')
  return memory.rssBytes
}

async function runIdle(context: BenchContext): Promise<BenchResult> {
  const connections = context.either(2_000, 500)
  const resting: number[] = []
  const perConnection: number[] = []
  for (let round = 0; round < context.either(3, 1); round++) {
    const folder = context.folder(`ehub-${round}`)
    const ehub = await startEhub({ folder, hubs: [{ name: 'orders', partitionCount: 4, durability: 'sync' }] })
    await pause(2_000)
    const before = rssOf(ehub.pid)
    resting.push(before / 1e6)
    const job = { port: ehub.port, user: ehub.user, key: ehub.key, connections } satisfies IdleJob
    const worker = Worker.start('load/amqp-idle.ts', job)
    try {
      await worker.ready(60_000)
      await pause(1_000)
      perConnection.push((rssOf(ehub.pid) - before) / connections / 1024)
      worker.go()
      await worker.result()
    } finally {
      await worker.stop()
      await ehub.stop()
    }
  }
  const idle: Figure = { name: 'idle daemon, RSS', unit: 'MB', samples: resting }
  const each: Figure = { name: 'one idle connection', unit: 'KB', samples: perConnection }
  return {
    figures: [idle, each],
    bars: [
      valueBar('idle daemon', idle, 'at-most', 100),
      valueBar(`one of ${connections} idle connections`, each, 'at-most', 64),
    ],
    notes: [
      'RSS two seconds after the start, one hub; connections with a session each, their RSS over all of them',
      ...(daemonExists()
        ? []
        : ['build/ehub is not built: measured on the sources, which cost more memory than the executable']),
    ],
  }
}

async function runLargeFile(context: BenchContext): Promise<BenchResult> {
  if (!daemonExists()) return { figures: [], bars: [], notes: ['build/ehub is not built (npm run build): skipped'] }
  const megabytes = context.either(1_000, 100)
  const folder = context.folder('ehub')
  const ehub = await ehubFor(context, [{ name: 'lines', partitionCount: 4, durability: 'sync' }])
  const file = join(context.folder('file'), 'lines.txt')
  const lines = await runLoad<LinesResult>('machine/lines.ts', { file, bytes: megabytes * 1e6 })
  context.flushDisk()
  const input = openSync(file, 'r')
  const beganMs = performance.now()
  const child = spawn(launcher, ['send', 'lines'], { env: environmentIn(folder), stdio: [input, 'ignore', 'pipe'] })
  closeSync(input)
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000)
  })
  let senderPeak = 0
  const gone = once(child, 'exit')
  const sampler = setInterval(() => {
    // The launcher replaces itself with the executable, so the pid is the sender's.
    senderPeak = Math.max(senderPeak, memoryOf(child.pid ?? 0)?.peakBytes ?? 0)
  }, 50)
  const [code] = (await gone) as [number | null]
  clearInterval(sampler)
  const seconds = (performance.now() - beganMs) / 1000
  if (code !== 0) throw new Error(`ehub send ended with ${code}: ${said}`)
  const daemonPeak = memoryOf(ehub.pid)?.peakBytes ?? 0
  const sender: Figure = { name: 'ehub send, highest RSS', unit: 'MB', samples: [senderPeak / 1e6] }
  const daemon: Figure = { name: 'daemon, highest RSS', unit: 'MB', samples: [daemonPeak / 1e6] }
  const rate: Figure = {
    name: 'file through ehub send, sync',
    unit: 'MB/s',
    samples: [megabytes / seconds],
    detail: `${(lines.count / seconds / 1000).toFixed(0)} k lines/s`,
  }
  const encode: Figure = {
    name: 'the sender without a network',
    unit: 'MB/s',
    samples: [lines.encodeMegabytesPerSecond],
  }
  const disk: Figure = { name: 'the file written to disk', unit: 'MB/s', samples: [lines.writeMegabytesPerSecond] }
  return {
    figures: [sender, daemon, rate, encode, disk],
    bars: [
      valueBar('sender of a large file', sender, 'at-most', 250),
      valueBar('daemon taking a large file', daemon, 'at-most', 250),
    ],
    notes: [
      `${megabytes} MB in ${lines.count} lines of ${Math.round((megabytes * 1e6) / lines.count)} bytes on average`,
      'without a network: lines read from the file, split and encoded into batches of up to 1 MiB, thrown away',
      said.trim().split('\n').at(-1) ?? '',
      pageCacheState(),
    ],
  }
}

export const idle: Bench = { name: 'idle', title: 'Memory of an idle daemon and of idle connections', run: runIdle }
export const largeFile: Bench = {
  name: 'large-file',
  writesMuch: true,
  title: 'A large file of lines through ehub send',
  run: runLargeFile,
}
