// What a compaction did, counted as it goes.

import type { CompactionReport } from './storage-engine.ts'

export type CompactionTally = { -readonly [Key in keyof CompactionReport]: CompactionReport[Key] }

export function newTally(): CompactionTally {
  return {
    segments: 0,
    segmentsSkipped: 0,
    segmentsRewritten: 0,
    segmentsWritten: 0,
    eventsKept: 0,
    eventsRemoved: 0,
    bytesBefore: 0,
    bytesAfter: 0,
  }
}

/** Adds the second to the first. */
export function addReport(tally: CompactionTally, more: Partial<CompactionReport>): void {
  tally.segments += more.segments ?? 0
  tally.segmentsSkipped += more.segmentsSkipped ?? 0
  tally.segmentsRewritten += more.segmentsRewritten ?? 0
  tally.segmentsWritten += more.segmentsWritten ?? 0
  tally.eventsKept += more.eventsKept ?? 0
  tally.eventsRemoved += more.eventsRemoved ?? 0
  tally.bytesBefore += more.bytesBefore ?? 0
  tally.bytesAfter += more.bytesAfter ?? 0
}
