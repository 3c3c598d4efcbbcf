// One batch as lines: its envelope, and of `$state` its records. Payloads of events are not shown, nor are keys.

import type { DiskPath } from './disk.ts'
import { type EnvelopeHeader, envelopeHeaderBytes } from './format.ts'
import { damaged, type InspectFields, type InspectLine, saying } from './inspect-line.ts'

const recordHeaderBytes = 6

// docs/FORMAT.md, "Payload: `state`".
const recordNames: ReadonlyMap<number, string> = new Map([
  [1, 'snapshot-begun'],
  [2, 'namespace-created'],
  [3, 'rule-set'],
  [4, 'hub-created'],
  [5, 'hub-deleted'],
  [6, 'hub-removed'],
  [7, 'hub-removing'],
  [8, 'group-created'],
  [9, 'group-deleted'],
  [10, 'checkpoint-set'],
  [11, 'checkpoint-cleared'],
  [12, 'storage-account-set'],
  [13, 'container-set'],
  [14, 'container-deleted'],
  [15, 'blob-set'],
  [16, 'blob-metadata-set'],
  [17, 'blob-deleted'],
  [18, 'hub-updated'],
  [19, 'time-believed'],
  [24, 'capture-set'],
  [25, 'capture-progress'],
  [26, 'blob-files-set'],
  [28, 'compaction-progress'],
  [30, 'ownership-set'],
])

const secrets: ReadonlySet<string> = new Set(['primaryKey', 'secondaryKey', 'key'])

/**
 * @param payload Of an envelope that is intact.
 * @param more Fields in front: where a journal's row says that it belongs.
 */
export function* batchLines(
  path: DiskPath,
  place: { readonly at: number; readonly to: number },
  header: EnvelopeHeader,
  payload: Buffer,
  more: InspectFields = {},
): Generator<InspectLine> {
  const { baseSequence, baseOffset, count, enqueuedTimeMs, encoding, durableEnd, continues, producer, generation } =
    header
  const fields = {
    ...more,
    sequence: baseSequence,
    count,
    offset: baseOffset,
    enqueuedTimeMs,
    encoding,
    payloadBytes: header.lengthBytes - envelopeHeaderBytes,
    durableEnd,
    generation,
    ...(continues ? { continues } : {}),
    ...(producer === null
      ? {}
      : {
          producerId: String(producer.producerId),
          producerEpoch: producer.epoch,
          producerSequence: producer.firstSequence,
        }),
  }
  yield saying(path, 'batch', fields, place)
  if (encoding === 'state' && !header.isCompacted) yield* recordLines(path, place.at, header, payload)
}

function* recordLines(path: DiskPath, at: number, header: EnvelopeHeader, payload: Buffer): Generator<InspectLine> {
  let index = 0
  for (let begin = 0; begin < payload.length; index++) {
    const body = begin + recordHeaderBytes
    const end = body + (body <= payload.length ? payload.readUInt32LE(begin) : Infinity)
    const place = { at: at + envelopeHeaderBytes + begin, to: at + envelopeHeaderBytes + Math.min(end, payload.length) }
    const sequence = header.baseSequence + index
    if (end > payload.length) {
      yield damaged(path, 'record', 'it is longer than its batch', place, { sequence })
      return
    }
    const code = payload.readUInt8(begin + 4)
    const fields = {
      sequence,
      record: recordNames.get(code) ?? `code ${code}`,
      recordVersion: payload.readUInt8(begin + 5),
    }
    const value = parse(payload.toString('utf8', body, end))
    if (value === undefined) yield damaged(path, 'record', 'it is no JSON object', place, fields)
    else yield saying(path, 'record', { ...fields, value }, place)
    begin = end
  }
  if (index !== header.count) {
    const detail = `the batch holds ${index} records and counts ${header.count}`
    yield damaged(path, 'record', detail, { at })
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text, (name: string, inner: unknown) => (secrets.has(name) ? '(hidden)' : inner))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // Said by the caller.
    return undefined
  }
}
