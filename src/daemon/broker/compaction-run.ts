// One run of compaction over a partition, as it can be watched while it goes on.

import type { CompactionReport } from '../storage/storage-engine.ts'
import type { CompactionStep } from './compactions-api.ts'

const nothing: CompactionReport = {
  segments: 0,
  segmentsSkipped: 0,
  segmentsRewritten: 0,
  segmentsWritten: 0,
  eventsKept: 0,
  eventsRemoved: 0,
  bytesBefore: 0,
  bytesAfter: 0,
}

export class CompactionRun {
  readonly partition: number
  #isDone = false
  #from = 0
  #to = 0
  #clean = 0
  #passes = 0
  /** Of the passes before, and of the present one. */
  #removedBefore = { events: 0, bytes: 0, skipped: 0, rewritten: 0, written: 0 }
  #report = nothing
  #bytesFirst: number | null = null

  constructor(partition: number) {
    this.partition = partition
  }

  begin(from: number, to: number): void {
    this.#from = from
    this.#to = to
    this.#clean = from
  }

  beginPass(): void {
    const { eventsRemoved, bytesBefore, bytesAfter, segmentsSkipped, segmentsRewritten, segmentsWritten } = this.#report
    const before = this.#removedBefore
    this.#removedBefore = {
      events: before.events + eventsRemoved,
      bytes: before.bytes + bytesBefore - bytesAfter,
      skipped: Math.max(before.skipped, segmentsSkipped),
      rewritten: before.rewritten + segmentsRewritten,
      written: before.written + segmentsWritten,
    }
    if (this.#passes > 0) this.#bytesFirst ??= bytesBefore
    this.#report = nothing
    this.#passes += 1
  }

  passed(report: CompactionReport): void {
    this.#report = report
  }

  endPass(report: CompactionReport, clean: number): void {
    this.#report = report
    this.#clean = clean
  }

  end(): void {
    this.#isDone = true
  }

  get eventsRemoved(): number {
    return this.#removedBefore.events + this.#report.eventsRemoved
  }

  get bytesRemoved(): number {
    return this.#removedBefore.bytes + this.#report.bytesBefore - this.#report.bytesAfter
  }

  get segmentsSkipped(): number {
    return Math.max(this.#removedBefore.skipped, this.#report.segmentsSkipped)
  }

  step(): CompactionStep {
    const { segments, eventsKept, bytesBefore, bytesAfter, segmentsRewritten, segmentsWritten } = this.#report
    return {
      partition: this.partition,
      isDone: this.#isDone,
      fromSequence: this.#from,
      toSequence: this.#to,
      cleanSequence: this.#clean,
      passes: this.#passes,
      segments,
      segmentsSkipped: this.segmentsSkipped,
      segmentsRewritten: this.#removedBefore.rewritten + segmentsRewritten,
      segmentsWritten: this.#removedBefore.written + segmentsWritten,
      eventsKept,
      eventsRemoved: this.eventsRemoved,
      bytesBefore: this.#bytesFirst ?? bytesBefore,
      bytesAfter,
    }
  }
}
