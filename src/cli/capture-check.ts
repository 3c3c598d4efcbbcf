// What `--verify` looks for in Capture files: in each partition sequence numbers that go up by one over all files, offsets that
// go up, times that do not go down. Pure; keeps the first problems and counts all.

import type { CaptureRecord } from '../wire/capture/capture-record.ts'

export type ProblemKind = 'gap' | 'duplicate' | 'order' | 'offset' | 'time' | 'damage'

export interface CaptureProblem {
  readonly kind: ProblemKind
  readonly file: string
  /** Of the event at which it was seen; null for what is no event's. */
  readonly sequence: number | null
  readonly detail: string
}

export interface CheckedPartition {
  /** Hub and partition, or the file where its name does not say. */
  readonly name: string
  files: number
  events: number
  /** null: no event. */
  first: number | null
  last: number | null
}

interface Track extends CheckedPartition {
  offset: string
  timeMs: number
}

const problemsKeptMax = 1000

export class CaptureCheck {
  readonly problems: CaptureProblem[] = []
  problemCount = 0
  readonly #tracks = new Map<string, Track>()
  #track: Track | null = null
  #file = ''

  /** @param name Of the partition the file belongs to. */
  beginFile(name: string, file: string): void {
    let track = this.#tracks.get(name)
    if (track === undefined) {
      track = { name, files: 0, events: 0, first: null, last: null, offset: '', timeMs: Number.NEGATIVE_INFINITY }
      this.#tracks.set(name, track)
    }
    track.files += 1
    this.#track = track
    this.#file = file
  }

  record({ sequence, offset, enqueuedTimeMs }: CaptureRecord): void {
    const track = this.#track
    if (track === null) return
    const { last } = track
    track.events += 1
    track.first ??= sequence
    if (last !== null) {
      if (sequence > last + 1) this.report('gap', sequence, `${sequence - last - 1} events missing behind ${last}`)
      else if (sequence === last) this.report('duplicate', sequence, 'the event came twice')
      else if (sequence < last) this.report('order', sequence, `it follows ${last}`)
      if (sequence > last && !isAbove(offset, track.offset)) {
        this.report('offset', sequence, `offset ${offset} follows ${track.offset}`)
      }
      if (sequence > last && enqueuedTimeMs < track.timeMs) {
        this.report('time', sequence, `enqueued ${track.timeMs - enqueuedTimeMs} ms before the event in front`)
      }
    }
    track.last = Math.max(last ?? sequence, sequence)
    track.offset = offset
    track.timeMs = Math.max(track.timeMs, enqueuedTimeMs)
  }

  report(kind: ProblemKind, sequence: number | null, detail: string): void {
    this.problemCount += 1
    if (this.problems.length < problemsKeptMax) this.problems.push({ kind, file: this.#file, sequence, detail })
  }

  partitions(): readonly CheckedPartition[] {
    return [...this.#tracks.values()].map(({ name, files, events, first, last }) => ({
      name,
      files,
      events,
      first,
      last,
    }))
  }
}

/** Offsets are opaque; where they are numbers they go up. */
function isAbove(offset: string, before: string): boolean {
  if (!/^\d+$/.test(offset) || !/^\d+$/.test(before)) return true
  return offset.length === before.length ? offset > before : offset.length > before.length
}
