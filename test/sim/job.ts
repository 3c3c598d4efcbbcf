// Hands a job to a thread (`job-worker.mjs`).

import { Worker } from 'node:worker_threads'
import type { Ending } from './corruption-sweep.ts'
import type { MutationSteps } from './mutations.ts'

export type Job =
  | {
      readonly job: 'seeds'
      readonly kind: 'storage' | 'broker' | 'capture' | 'compaction'
      readonly from: number
      readonly count: number
      readonly twice: number
      /** Prints every seed's steps. */
      readonly isVerbose?: boolean
    }
  | { readonly job: 'crash' | 'faults'; readonly everyNth: number; readonly isSlice: boolean }
  | { readonly job: 'damage'; readonly ending: Ending; readonly steps: MutationSteps }
  | { readonly job: 'index'; readonly steps: MutationSteps }

export interface JobResult {
  readonly figures: Readonly<Record<string, number>>
  readonly failures: readonly string[]
}

export function runJob(job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('job-worker.mjs', import.meta.url), { workerData: job })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread ended without an answer')))
  })
}
