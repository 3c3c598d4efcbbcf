// Lag over time for a daemon that keeps nothing on disk: the last hour, in memory.

import type { LagSnapshot } from '../../wire/lag/snapshot.ts'
import { type History, historyKey, type HistorySample, historyStepMs } from './lag-history.ts'

const keptMs = 3_600_000
/** Changes kept in all, about 40 bytes each; the oldest of each partition go first. */
const keptMax = 500_000

export class MemoryHistory implements History {
  readonly #samples = new Map<string, HistorySample[]>()
  #lastMs = 0

  keep(snapshot: LagSnapshot): void {
    if (snapshot.atMs - this.#lastMs < historyStepMs) return
    this.#lastMs = snapshot.atMs
    const each = Math.max(1, Math.floor(keptMax / Math.max(1, snapshot.partitions.length)))
    const present = new Set<string>()
    for (const { hub, group, partition, lag, status } of snapshot.partitions) {
      if (status === 'UNUSED') continue
      const key = historyKey(hub, group, partition)
      present.add(key)
      const samples = this.#samples.get(key) ?? []
      if (samples.at(-1)?.lag !== lag) samples.push({ atMs: snapshot.atMs, lag })
      // The sample that still holds at the edge of the hour stays.
      while (samples.length > each || (samples[1]?.atMs ?? snapshot.atMs) < snapshot.atMs - keptMs) samples.shift()
      this.#samples.set(key, samples)
    }
    for (const key of this.#samples.keys()) if (!present.has(key)) this.#samples.delete(key)
  }

  async read(key: string, fromMs: number, toMs: number): Promise<readonly HistorySample[]> {
    return (this.#samples.get(key) ?? []).filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
  }

  async close(): Promise<void> {
    this.#samples.clear()
  }
}
