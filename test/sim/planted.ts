// Runs the simulation against a planted bug in a thread of its own.

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
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./planted-worker.mjs', import.meta.url), {
      workerData: { edits: bug.edits, kind: bug.kind, seedsMax: bug.seedsMax, first },
    })
    let found: Found | null = null
    let hasAnswered = false
    worker.on('message', (message: Found | null) => {
      found = message
      hasAnswered = true
    })
    // An assertion of the product that fails outside of what the run awaits ends the thread: found, too.
    worker.on('error', (error: unknown) => {
      const what = error instanceof Error ? error.message : String(error)
      if (what.startsWith('bug: ')) resolve({ seed: first, seeds: 1, what })
      else reject(error instanceof Error ? error : new Error(what))
    })
    worker.on('exit', () => {
      if (hasAnswered) resolve(found)
      else reject(new Error('the thread of a planted bug ended without an answer'))
    })
  })
}
