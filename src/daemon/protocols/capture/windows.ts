// Windows of a partition: contiguous, in the phase of the first one (as the service's). Names of files are made of whole seconds,
// so no two windows begin in the same one: a second file within a second is named as if it began a second later.

const nameStepMs = 1000

/** Beginning of the window in the phase of `startMs` that holds `atMs`, which is not before it. */
export function windowOf(startMs: number, intervalMs: number, atMs: number): number {
  return startMs + Math.floor((atMs - startMs) / intervalMs) * intervalMs
}

/** Beginning of the window after one that ended early, at `atMs`. */
export function nextWindowStart(startMs: number, atMs: number): number {
  return Math.max(startMs + nameStepMs, atMs)
}
