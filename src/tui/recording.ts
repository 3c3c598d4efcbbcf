// Recordings of the screen's samples: one JSON document a line, the first one naming the format. What `--record` writes and
// `--play` shows again, at the pace it was taken.

import { EhubError } from '../base/error.ts'
import type { LagSnapshot } from '../wire/lag/snapshot.ts'
import type { PartitionRef } from './effects.ts'
import type { Sample } from './graph.ts'
import type { TopSource } from './source.ts'
import type { EventRow, ReaderRow } from './state.ts'

const format = 'ehub-top'
const version = 1

export function recordingHead(): string {
  return JSON.stringify({ format, version })
}

/** @throws EhubError `argument-error` naming the line. */
export function parseRecording(text: string): readonly LagSnapshot[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '')
  const first = parseLine(head, 1)
  if (first.format !== format || first.version !== version) {
    throw new EhubError('argument-error', 'this is no recording of ehub top', {
      hint: 'make one with: ehub top --record FILE',
    })
  }
  return lines.map((line, index) => {
    const value = parseLine(line, index + 2)
    if (typeof value.atMs !== 'number' || !Array.isArray(value.partitions) || !Array.isArray(value.hubs)) {
      throw new EhubError('argument-error', `line ${index + 2} of the recording is no sample`)
    }
    // Written by ourselves; the fields were checked as far as the screen would trip over them.
    return value as unknown as LagSnapshot
  })
}

function parseLine(line: string, number: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below, with its number.
  }
  throw new EhubError('argument-error', `line ${number} of the recording is no JSON object`)
}

/** Plays one snapshot a sample; stays on the last one. Nothing can be asked or changed. */
export class RecordedSource implements TopSource {
  readonly #snapshots: readonly LagSnapshot[]
  #at = 0

  constructor(snapshots: readonly LagSnapshot[]) {
    this.#snapshots = snapshots
  }

  async sample(): Promise<LagSnapshot> {
    const snapshot = this.#snapshots[Math.min(this.#at, this.#snapshots.length - 1)]
    if (snapshot === undefined) throw new EhubError('argument-error', 'the recording holds no sample')
    this.#at++
    return snapshot
  }

  async history({ hub, group, partition }: PartitionRef, spanMs: number): Promise<readonly Sample[]> {
    const shown = this.#snapshots.slice(0, this.#at)
    const toMs = shown.at(-1)?.atMs ?? 0
    return shown
      .filter(({ atMs }) => atMs >= toMs - spanMs)
      .flatMap(({ atMs, partitions }) => {
        const row = partitions.find((r) => r.hub === hub && r.group === group && r.partition === partition)
        return row === undefined ? [] : [{ atMs, value: row.lag }]
      })
  }

  async events(): Promise<readonly EventRow[]> {
    throw notRecorded('events')
  }

  async readers(): Promise<readonly ReaderRow[]> {
    throw notRecorded('readers')
  }

  async nextEvent(): Promise<string | null> {
    return null
  }

  async preview(): Promise<never> {
    throw notRecorded('positions')
  }

  async setCheckpoint(): Promise<never> {
    throw notRecorded('checkpoints')
  }

  async kick(): Promise<never> {
    throw notRecorded('readers')
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

function notRecorded(what: string): EhubError {
  return new EhubError('not-allowed', `a recording holds no ${what}`)
}
