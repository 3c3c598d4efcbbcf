// The live screen: how soon it is there, what a refresh with 2,000 partitions costs, and whether an hour of them grows.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, valueBar } from '../frame/result.ts'
import { Worker } from '../frame/workers.ts'
import type { TopJob, TopResult } from '../load/top-screen.ts'
import { daemonExists, environmentIn, launcher, startDaemon } from '../subjects/daemon.ts'

const tsxHook = fileURLToPath(new URL('../../../scripts/tsx-hook.mjs', import.meta.url))

/** From starting the command on a terminal of its own to the first frame on it, milliseconds. */
function firstFrameMs(folder: string): Promise<number> {
  const beganMs = performance.now()
  const child = spawn('script', ['-qefc', `stty cols 120 rows 40; exec ${launcher} top`, '/dev/null'], {
    env: { ...environmentIn(folder), TERM: 'xterm-256color', LANG: 'C.UTF-8', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    let text = ''
    let tookMs: number | null = null
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (tookMs !== null || !/ehub top[^]*orders/.test(text)) return
      tookMs = performance.now() - beganMs
      child.stdin.write('q')
    })
    child.on('error', reject)
    child.on('exit', () => (tookMs === null ? reject(new Error(`no frame came: ${text}`)) : resolve(tookMs)))
  })
}

async function run(context: BenchContext): Promise<BenchResult> {
  const job: TopJob = { partitions: 2000, refreshes: context.either(60, 20), simulated: context.either(3600, 900) }
  const worker = Worker.start('load/top-screen.ts', job, {
    nodeFlags: ['--expose-gc', '--import', tsxHook],
  })
  const first: number[] = []
  let result: TopResult
  try {
    await worker.ready(60_000)
    worker.go()
    result = await worker.result<TopResult>(300_000)
  } finally {
    await worker.stop()
  }
  if (daemonExists()) {
    const folder = context.folder('ehub')
    const daemon = await startDaemon({ folder, hubs: [{ name: 'orders', partitionCount: 4, durability: 'sync' }] })
    context.after(() => daemon.stop())
    // The first one warms the page cache.
    for (let round = 0; round < context.either(11, 6); round++) {
      const tookMs = await firstFrameMs(folder)
      if (round > 0) first.push(tookMs)
    }
  }
  const refresh: Figure = {
    ...{ name: 'CPU of a refresh, 2,000 partitions', unit: 'ms', samples: [result.refreshMs] },
    detail: `${(result.refreshMs / 10).toFixed(1)} % of a core at one second; ${result.frameMs.toFixed(1)} ms before Ink`,
  }
  const growth: Figure = { name: 'heap after an hour of refreshes', unit: 'KB', samples: [result.growthKilobytes] }
  const shown: Figure = { name: 'first frame', unit: 'ms', samples: first.length === 0 ? [Number.NaN] : first }
  return {
    figures: [...(first.length === 0 ? [] : [shown]), refresh, growth],
    bars: [
      ...(first.length === 0 ? [] : [valueBar('first frame of ehub top', shown, 'at-most', 400)]),
      valueBar('a refresh with 2,000 partitions', refresh, 'at-most', 50),
      valueBar('more heap after an hour', growth, 'at-most', 1024),
    ],
    notes: [
      '200 × 60 characters; every row of the snapshot changes with every refresh',
      `heap: ${job.simulated} refreshes, growth after the first quarter, taken for 3,600`,
      ...(first.length === 0 ? ['build/ehub is not built (npm run build): no first frame'] : []),
    ],
  }
}

export const top: Bench = { name: 'top', title: 'The live screen', run }
