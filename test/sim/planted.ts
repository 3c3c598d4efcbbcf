// Runs a harness against a planted bug: the simulation in a thread of its own, kill -9 as the script it is.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { PlantedBug } from './planted-bugs.ts'

export interface Found {
  readonly seed: number
  /** How many it took. */
  readonly seeds: number
  readonly what: string
}

/** null: not found within the bug's seeds. @param first First seed. */
export function findPlanted(bug: PlantedBug, first: number): Promise<Found | null> {
  if (bug.kind === 'kill9') return findByScript(bug, first)
  return new Promise((resolve, reject) => {
    const tried = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(new URL('./planted-worker.mjs', import.meta.url), {
      workerData: { edits: bug.edits, kind: bug.kind, seedsMax: bug.seedsMax, first, tried },
    })
    let found: Found | null = null
    let hasAnswered = false
    worker.on('message', (message: Found | null) => {
      found = message
      hasAnswered = true
    })
    // An assertion of the product that fails outside of what the run awaits ends the thread: found, too.
    worker.on('error', (error: unknown) => {
      const seeds = Atomics.load(tried, 0)
      const what = error instanceof Error ? error.message : String(error)
      if (what.startsWith('bug: ')) resolve({ seed: first + seeds - 1, seeds, what })
      else reject(error instanceof Error ? error : new Error(what))
    })
    worker.on('exit', () => {
      if (hasAnswered) resolve(found)
      else reject(new Error('the thread of a planted bug ended without an answer'))
    })
  })
}

const preload = new URL('plant-preload.mjs', import.meta.url).href

/** Node with a bug planted into what it loads from the sources, and into the daemons it starts from them. */
export function runPlanted(
  name: string,
  script: string,
  args: readonly string[],
): Promise<{ code: number; said: string }> {
  const env = { ...process.env, EHUB_PLANT: name, NODE_OPTIONS: `--import=${preload}` }
  const path = fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, said }))
  })
}

async function findByScript(bug: PlantedBug, seed: number): Promise<Found | null> {
  const args = ['--daemon', 'small', '--cycles', String(bug.seedsMax), '--seed', String(seed)]
  const { code, said } = await runPlanted(bug.name, 'kill9.mjs', args)
  if (code === 0) return null
  const what = /^ {2}rule .*$/m.exec(said)?.[0].trim()
  const again = /^ {2}again: npm run kill9 .*$/m.exec(said)?.[0]
  if (what === undefined || again === undefined) throw new Error(`kill9.mjs ended with ${code}: ${said}`)
  return { seed, seeds: Number(/(\d+) kills/.exec(said)?.[1] ?? bug.seedsMax), what }
}
