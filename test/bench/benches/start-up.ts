// Whole processes, as a user waits for them: `ehub --version` and `ehub send` beside an empty script on the same Node, and a
// cold daemon to its first event received.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, BenchContext } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar, valueBar } from '../frame/result.ts'
import { daemonExists, environmentIn, launcher, startDaemon, startFlags } from '../subjects/daemon.ts'

function processMs(folder: string, command: string, argv: readonly string[], input = ''): number {
  const beganMs = performance.now()
  const { status, stderr, error } = spawnSync(command, argv, {
    env: environmentIn(folder),
    input,
    timeout: 60_000,
    encoding: 'utf8',
  })
  const tookMs = performance.now() - beganMs
  if (status !== 0) throw error ?? new Error(`${command} ${argv.join(' ')} ended with ${status}: ${stderr}`)
  return tookMs
}

async function run(context: BenchContext): Promise<BenchResult> {
  if (!daemonExists()) return { figures: [], bars: [], notes: ['build/ehub is not built (npm run build): skipped'] }
  const folder = context.folder('warm')
  const empty = join(folder, 'empty.cjs')
  writeFileSync(empty, '')
  const daemon = await startDaemon({ folder, hubs: [{ name: 'orders', partitionCount: 4, durability: 'sync' }] })
  context.after(() => daemon.stop())
  const takers = {
    empty: () => processMs(folder, process.execPath, [empty]),
    version: () => processMs(folder, launcher, ['--version']),
    send: () => processMs(folder, launcher, ['send', 'orders'], 'one event\n'),
  }
  const taken = { empty: [] as number[], version: [] as number[], send: [] as number[] }
  const rounds = context.either(20, 7)
  for (let round = 0; round < rounds + 2; round++) {
    for (const name of ['empty', 'version', 'send'] as const) {
      const tookMs = takers[name]()
      // The first two rounds warm the page cache.
      if (round >= 2) taken[name].push(tookMs)
    }
  }
  const cold: number[] = []
  for (let round = 0; round < context.either(5, 2); round++) cold.push(coldStartMs(context.folder(`cold-${round}`)))
  const figure = (name: string, samples: readonly number[]): Figure => ({ name, unit: 'ms', samples })
  const emptyScript = figure('empty Node script', taken.empty)
  const version = figure('ehub --version', taken.version)
  const send = figure('ehub send, one event', taken.send)
  const first = figure('daemon start, send, receive', cold)
  return {
    figures: [emptyScript, version, send, first],
    bars: [
      ratioBar('ehub --version, of an empty script', version, emptyScript, 'at-most', 1.3),
      ratioBar('ehub send of one event, of an empty script', send, emptyScript, 'at-most', 4),
      valueBar('cold daemon start to the first event received', first, 'at-most', 1000),
    ],
    notes: [
      `whole processes through bin/ehub, ${rounds} of each in turns`,
      'cold: fresh data folder; the sum of `ehub daemon start`, `ehub send`, `ehub receive -n 1`, three processes one after the other',
    ],
  }
}

function coldStartMs(folder: string): number {
  const started = processMs(folder, launcher, [...startFlags, '--hub', 'orders:1'])
  try {
    const sent = processMs(folder, launcher, ['send', 'orders'], 'one event\n')
    const received = processMs(folder, launcher, ['receive', 'orders', '--from', 'beginning', '-n', '1'])
    return started + sent + received
  } finally {
    processMs(folder, launcher, ['daemon', 'stop'])
  }
}

export const startUp: Bench = { name: 'start-up', title: 'Start-up of commands and of the daemon', run }
