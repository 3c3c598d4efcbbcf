// What can be set of the embedded engine, and what it is when nobody does.

export interface EmbeddedEngineOptions {
  /** A journal file is followed by the next one at this size. */
  readonly journalFileBytes?: number
  /** Memory for the newest batches of all logs; what readers at the tail are served from. */
  readonly tailBytesMax?: number
  readonly tailBytesPerLogMax?: number
  readonly openFilesMax?: number
  /** Durability `os`: synced at most this long after it was acknowledged, */
  readonly syncIntervalMs?: number
  /** and never more than this many bytes of a log unsynced. */
  readonly unsyncedBytesMax?: number
  readonly poolFilesMax?: number
  readonly poolBytesMax?: number
  /** Null: derived from the size of the file system. */
  readonly lowWaterBytes?: number | null
  readonly reserveBytes?: number | null
  /** For hubs of durability `memory`. */
  readonly memoryBytesMax?: number
}

export const embeddedDefaults = {
  journalFileBytes: 64 * 1024 * 1024,
  tailBytesMax: 64 * 1024 * 1024,
  tailBytesPerLogMax: 8 * 1024 * 1024,
  // Leaves room for sockets under `ulimit -n 1024`.
  openFilesMax: 384,
  syncIntervalMs: 100,
  // Less than the tail holds, so that after a failed sync what was acknowledged is still in memory.
  unsyncedBytesMax: 32 * 1024 * 1024,
  poolFilesMax: 8,
  poolBytesMax: 512 * 1024 * 1024,
  lowWaterBytes: null,
  reserveBytes: null,
  memoryBytesMax: 1024 * 1024 * 1024,
} satisfies Required<EmbeddedEngineOptions>
