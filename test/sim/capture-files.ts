// What is in the files of a Capture destination, judged against what was acknowledged: every event once, in order, unharmed;
// a file that was seen never changes.

import { createHash } from 'node:crypto'
import { CaptureFileReader } from '../../src/wire/capture/capture-reader.ts'
import { parseNameFormat } from '../../src/wire/capture/file-name.ts'
import { readEventBody } from './event-body.ts'

export interface FileContent {
  readonly name: string
  readonly partition: number
  readonly startMs: number
  readonly sequences: readonly number[]
  readonly firstTimeMs: number
  readonly digest: string
}

/** Events of one partition by sequence, and where its capture began. */
export interface Expected {
  /** Producer and number of each acknowledged event, and its enqueued time. */
  readonly events: ReadonlyMap<number, { readonly producer: number; readonly number: number }>
  readonly from: number
}

export async function readFiles(
  files: ReadonlyMap<string, Buffer>,
  nameFormat: string,
  judge: (partition: number, sequence: number, body: Buffer | null) => void,
): Promise<readonly FileContent[]> {
  const format = parseNameFormat(nameFormat)
  const found: FileContent[] = []
  for (const [name, bytes] of files) {
    const place = format.parse(name)
    if (place === null) throw new Error(`"${name}" is no name of a Capture file`)
    const reader = await CaptureFileReader.open(name, only(bytes))
    const sequences: number[] = []
    let firstTimeMs = Number.NaN
    while ((await reader.nextBlock()) !== null) {
      for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
        sequences.push(record.sequence)
        if (sequences.length === 1) firstTimeMs = record.enqueuedTimeMs
        judge(place.partition, record.sequence, record.body === null ? null : Buffer.from(record.body))
      }
    }
    const digest = createHash('sha256').update(bytes).digest('hex')
    found.push({ name, partition: place.partition, startMs: place.startMs, sequences, firstTimeMs, digest })
  }
  return found
}

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

/** Sequences of a partition's files one after another, in order of window. @throws When they overlap or have a gap inside. */
export function coverage(files: readonly FileContent[], partition: number): { from: number; to: number } | null {
  const own = files
    .filter((file) => file.partition === partition && file.sequences.length > 0)
    .sort((one, other) => one.sequences[0]! - other.sequences[0]!)
  let to: number | null = null
  let startMs = -1
  for (const { name, sequences, startMs: windowMs } of own) {
    for (const sequence of sequences) {
      if (to !== null && sequence !== to) throw new Error(`"${name}" goes on at ${sequence} where ${to} comes next`)
      to = sequence + 1
    }
    if (windowMs <= startMs) throw new Error(`"${name}" is named before the file in front of it`)
    startMs = windowMs
  }
  return to === null ? null : { from: own[0]!.sequences[0]!, to }
}

/** @throws When the body is not that of the acknowledged event. */
export function checkBody(expected: Expected, partition: number, sequence: number, body: Buffer | null): void {
  const event = expected.events.get(sequence)
  const found = body === null ? null : readEventBody(body)
  // One whose answer never came may be there.
  if (event === undefined) return
  if (found?.isIntact !== true || found.producer !== event.producer || found.number !== event.number) {
    throw new Error(`partition ${partition}: event ${sequence} is not what was acknowledged`)
  }
}
