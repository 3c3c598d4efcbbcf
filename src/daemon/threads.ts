// How many threads Node has for calls that block: reading, writing and syncing files. Syncs in the background can take all of its
// usual four; a write that a publisher waits for, or a read, then stands behind them for milliseconds.

const threads = 8

/** Once, before the first such call: the threads are started by it. A number the user gave stays. */
export function useThreads(): void {
  process.env.UV_THREADPOOL_SIZE ??= String(threads)
}
