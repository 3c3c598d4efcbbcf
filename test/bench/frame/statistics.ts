// Medians, ranges and percentiles: what every figure of the benches is made of. Pure.

export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
  readonly count: number
}

/** Median (mean of the middle two for an even count), least and greatest of at least one sample. */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error('a summary needs at least one sample')
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  const median = sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2
  return { median, low: sorted[0] ?? 0, high: sorted.at(-1) ?? 0, count: sorted.length }
}

/** Nearest-rank percentile; `share` in 0..1. `ascending` must be sorted and not empty. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  const rank = Math.min(ascending.length - 1, Math.max(0, Math.ceil(share * ascending.length) - 1))
  const value = ascending[rank]
  if (value === undefined) throw new Error('a percentile needs at least one sample')
  return value
}

export interface Latencies {
  readonly count: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** @param milliseconds In any order; sorted in place. */
export function latencies(milliseconds: number[]): Latencies {
  milliseconds.sort((a, b) => a - b)
  return {
    count: milliseconds.length,
    p50Ms: percentile(milliseconds, 0.5),
    p90Ms: percentile(milliseconds, 0.9),
    p99Ms: percentile(milliseconds, 0.99),
    p999Ms: percentile(milliseconds, 0.999),
    maxMs: percentile(milliseconds, 1),
  }
}
