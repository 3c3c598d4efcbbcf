// How V8 counts memory outside its heap. Events pass through the daemon in Buffers, beside a heap of a few megabytes. By default
// V8 starts a full collection whenever a few megabytes of Buffers were made since the last one, 40 times a second under load:
// 40 % of the time of a reader that catches up. Counted against the limit of everything together it takes five times as many;
// resident memory under full load stays the same (docs/BENCHMARKS.md).

import { setFlagsFromString } from 'node:v8'

/** Once, before the daemon does anything. The flag is read at each collection, so it counts from here on. */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
