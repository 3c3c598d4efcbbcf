// A counter's growth per second over the last samples. Counters that jump back (a hub made anew, a checkpoint rewound) start
// over instead of giving a negative rate.

interface Reading {
  readonly atMs: number
  readonly value: number
}

/** Readings a rate rests on: smooth enough to read, quick enough to show a change within five samples. */
const readingsMax = 5

export class Rate {
  #readings: readonly Reading[] = []
  readonly #gapMs: number

  /** @param gapMs A reading closer than this to the one before takes its place: rates over moments are noise. */
  constructor(gapMs = 0) {
    this.#gapMs = gapMs
  }

  push(value: number, atMs: number): void {
    const last = this.#readings.at(-1)
    const isBack = last !== undefined && value < last.value
    const isSoon = last !== undefined && this.#readings.length > 1 && atMs - last.atMs < this.#gapMs
    const kept = isBack ? [] : isSoon ? this.#readings.slice(0, -1) : this.#readings
    this.#readings = [...kept, { atMs, value }].slice(-readingsMax)
  }

  /** Per second; 0 until two readings apart in time are there. */
  get perSecond(): number {
    const first = this.#readings.at(0)
    const last = this.#readings.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0
    return ((last.value - first.value) * 1000) / (last.atMs - first.atMs)
  }
}
