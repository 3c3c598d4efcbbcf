// Age of the oldest unprocessed event where the store cannot tell it exactly: interpolated from our own samples of
// (last sequence, time), as lag exporters do. Flat stretches are merged, so that a quiet hour does not push the
// interesting points out of the table.

interface Point {
  readonly sequence: number
  readonly timeMs: number
}

/** Samples kept; with ten-second samples of a busy partition this is ten minutes. */
const pointsMax = 60

export class AgeTable {
  #points: Point[] = []

  /** The partition's last sequence at `timeMs`. A smaller sequence than before (hub made anew) starts over. */
  push(lastSequence: number, timeMs: number): void {
    const last = this.#points.at(-1)
    if (last !== undefined && lastSequence < last.sequence) this.#points = []
    const before = this.#points.at(-2)
    if (
      before !== undefined &&
      last !== undefined &&
      last.sequence === lastSequence &&
      before.sequence === lastSequence
    ) {
      this.#points[this.#points.length - 1] = { sequence: lastSequence, timeMs }
      return
    }
    this.#points.push({ sequence: lastSequence, timeMs })
    if (this.#points.length > pointsMax) this.#points.shift()
  }

  /**
   * Milliseconds since the event with `sequence` was stored, 0 or more; extrapolated below the first sample.
   * null when fewer than two samples or no movement between them say nothing about it.
   */
  ageMs(sequence: number, nowMs: number): number | null {
    const after = this.#points.findIndex((point) => point.sequence >= sequence)
    if (after === 0) return this.#before(sequence, nowMs)
    const right = this.#points[after]
    const left = this.#points[after - 1]
    if (right === undefined || left === undefined) return null
    return age(left, right, sequence, nowMs)
  }

  #before(sequence: number, nowMs: number): number | null {
    const left = this.#points.at(0)
    const right = this.#points.find((point) => left !== undefined && point.sequence > left.sequence)
    if (left === undefined) return null
    if (left.sequence === sequence) return Math.max(0, nowMs - left.timeMs)
    return right === undefined ? null : age(left, right, sequence, nowMs)
  }
}

function age(left: Point, right: Point, sequence: number, nowMs: number): number {
  const slope = (right.timeMs - left.timeMs) / (right.sequence - left.sequence)
  return Math.max(0, nowMs - (right.timeMs - (right.sequence - sequence) * slope))
}
