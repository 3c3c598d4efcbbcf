// Records of `$state`: the only durable form of everything that is not an event. A batch of encoding `state` holds `count`
// records, one after the other:
//
//   +----------------+--------+-----------+----------------------+
//   | length u32 LE  | code u8| version u8| JSON object, UTF-8   |     length = bytes of the JSON object
//   +----------------+--------+-----------+----------------------+
//
// Codes and fields are the table below; a code or field is never reused with another meaning. A layout that gains or loses a
// field gets the next version. What we do not know was written by a newer program: we refuse to start rather than forget it.

import { EhubError } from '../../base/error.ts'
import type { BlobMetadata } from '../../wire/checkpoint-blobs.ts'
import type { Durability } from '../storage/storage-engine.ts'
import type { Right } from './broker-api.ts'
import { type Cleanup, isCleanup } from './settings.ts'
import { type CaptureEncoding, isCaptureEncoding } from './capture-settings.ts'

/** One kind of field: accepts a decoded JSON value or not. */
type Field<T> = (value: unknown) => value is T

const text: Field<string> = (value): value is string => typeof value === 'string'
const count: Field<number> = (value): value is number => Number.isSafeInteger(value)
const textOrNull: Field<string | null> = (value): value is string | null => value === null || text(value)
const countOrNull: Field<number | null> = (value): value is number | null => value === null || count(value)
const durability: Field<Durability> = (value): value is Durability =>
  value === 'sync' || value === 'os' || value === 'memory'
const cleanup: Field<Cleanup> = isCleanup
const captureEncoding: Field<CaptureEncoding> = isCaptureEncoding
const right = (value: unknown): value is Right => value === 'send' || value === 'listen' || value === 'manage'
const flag: Field<boolean> = (value): value is boolean => typeof value === 'boolean'
const rights: Field<readonly Right[]> = (value): value is readonly Right[] =>
  Array.isArray(value) && value.every((item) => right(item))
const names: Field<readonly string[]> = (value): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => text(item))
const texts: Field<BlobMetadata> = (value): value is BlobMetadata =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(text)

const layouts = {
  /**
   * Everything before is forgotten; the records that follow in the same append hold the whole state. The two counters never
   * go back, so that folders and etags are not used twice.
   */
  'snapshot-begun': { code: 1, version: 1, fields: { lastNumber: count, lastRevision: count } },
  'namespace-created': { code: 2, version: 1, fields: { number: count, name: text, createdAtMs: count } },
  'rule-set': {
    code: 3,
    version: 1,
    fields: { namespace: count, name: text, rights, primaryKey: text, secondaryKey: text },
  },
  'hub-created': {
    code: 4,
    version: 1,
    fields: { number: count, namespace: count, name: text, partitionCount: count, durability, createdAtMs: count },
  },
  /** The hub is gone for everybody; its logs are still to be removed. */
  'hub-deleted': { code: 5, version: 1, fields: { number: count } },
  /** The logs of a deleted hub are gone. */
  'hub-removed': { code: 6, version: 1, fields: { number: count } },
  /** A deleted hub whose logs are still to be removed; only in snapshots. */
  'hub-removing': { code: 7, version: 1, fields: { number: count, folder: text } },
  'group-created': { code: 8, version: 1, fields: { hub: count, name: text, createdAtMs: count } },
  'group-deleted': { code: 9, version: 1, fields: { hub: count, name: text } },
  'checkpoint-set': {
    code: 10,
    version: 1,
    fields: {
      hub: count,
      group: text,
      partition: count,
      sequence: count,
      offset: count,
      enqueuedTimeMs: countOrNull,
      owner: textOrNull,
      updatedAtMs: count,
      revision: count,
    },
  },
  'checkpoint-cleared': { code: 11, version: 1, fields: { hub: count, group: text, partition: count } },
  'storage-account-set': { code: 12, version: 1, fields: { name: text, key: text } },
  /** Makes a container, or changes it; its blobs stay. */
  'container-set': {
    code: 13,
    version: 1,
    fields: { name: text, metadata: texts, createdAtMs: count, updatedAtMs: count, revision: count },
  },
  'container-deleted': { code: 14, version: 1, fields: { name: text } },
  'blob-set': {
    code: 15,
    version: 1,
    fields: {
      container: text,
      name: text,
      metadata: texts,
      contentType: textOrNull,
      content: text,
      createdAtMs: count,
      updatedAtMs: count,
      revision: count,
    },
  },
  'blob-metadata-set': {
    code: 16,
    version: 1,
    fields: { container: text, name: text, metadata: texts, updatedAtMs: count, revision: count },
  },
  /** Content lies in files of `blobs/`, one behind the other. */
  'blob-files-set': {
    code: 26,
    version: 1,
    fields: {
      container: text,
      name: text,
      metadata: texts,
      contentType: textOrNull,
      files: names,
      fileBytes: count,
      createdAtMs: count,
      updatedAtMs: count,
      revision: count,
    },
  },
  'blob-deleted': { code: 17, version: 1, fields: { container: text, name: text } },
  /** The time that retention believes: a clock far ahead of it at a start is doubted. */
  'time-believed': { code: 19, version: 1, fields: { timeMs: count } },
  /** What is not named stays as it is. */
  'hub-updated': {
    code: 18,
    version: 1,
    fields: { number: count },
    optional: {
      partitionCount: count,
      retentionMs: countOrNull,
      cleanup,
      tombstoneRetentionMs: count,
      minCompactionLagMs: count,
    },
  },
  /** How a hub is captured, or was. `generation` rises with every switching on. */
  'capture-set': {
    code: 24,
    version: 1,
    fields: {
      hub: count,
      generation: count,
      isEnabled: flag,
      intervalMs: count,
      sizeBytes: count,
      nameFormat: text,
      isSkippingEmpty: flag,
      encoding: captureEncoding,
      destination: text,
      credentials: text,
    },
  },
  /** How far a partition is captured: docs/FORMAT.md, "Capture". */
  'capture-progress': {
    code: 25,
    version: 1,
    fields: {
      hub: count,
      partition: count,
      nextSequence: count,
      windowStartMs: count,
      cutSequence: countOrNull,
      cutName: textOrNull,
      files: count,
      events: count,
      bytes: count,
      lostEvents: count,
    },
  },
  /** How far a partition is compacted: docs/FORMAT.md, "Payload: `state`". */
  'compaction-progress': {
    code: 28,
    version: 1,
    fields: { hub: count, partition: count, sequence: count, offset: count, tombstonesMs: countOrNull },
  },
  /** A processor claims a partition in the daemon's own store; an empty owner gives it back. */
  'ownership-set': {
    code: 30,
    version: 1,
    fields: { hub: count, group: text, partition: count, owner: text, updatedAtMs: count, revision: count },
  },
} as const satisfies Record<string, Layout>

type Fields = Readonly<Record<string, Field<unknown>>>

interface Layout {
  readonly code: number
  readonly version: number
  readonly fields: Fields
  readonly optional?: Fields
}

type Layouts = typeof layouts
export type StateRecordKind = keyof Layouts
type ValueOf<F> = F extends Field<infer T> ? T : never
type OptionalOf<L> = L extends { readonly optional: infer O } ? { readonly [F in keyof O]?: ValueOf<O[F]> } : unknown
type FieldsOf<K extends StateRecordKind> = {
  readonly [F in keyof Layouts[K]['fields']]: ValueOf<Layouts[K]['fields'][F]>
} & OptionalOf<Layouts[K]>
export type StateRecordOf<K extends StateRecordKind> = K extends StateRecordKind
  ? { readonly kind: K } & FieldsOf<K>
  : never
export type StateRecord = { [K in StateRecordKind]: StateRecordOf<K> }[StateRecordKind]

const headerBytes = 6
const kinds = Object.keys(layouts) as StateRecordKind[]
const kindByCode = new Map<number, StateRecordKind>(kinds.map((kind) => [layouts[kind].code, kind]))

/** One record in bytes. */
export function encodeStateRecord(record: StateRecord): Buffer {
  const { kind, ...fields } = record
  const layout = layouts[kind]
  const body = JSON.stringify(fields)
  const length = Buffer.byteLength(body)
  const bytes = Buffer.allocUnsafe(headerBytes + length)
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt8(layout.code, 4)
  bytes.writeUInt8(layout.version, 5)
  bytes.write(body, headerBytes, 'utf8')
  return bytes
}

/**
 * The records of one batch, in order.
 * @param expectedCount The batch's count: anything else in the payload is damage.
 * @throws EhubError `storage-corrupt`, or `data-folder-newer` for a code or version we do not know.
 */
export function decodeStateRecords(payload: Buffer, expectedCount: number): StateRecord[] {
  const records: StateRecord[] = []
  let at = 0
  while (at < payload.length) {
    if (payload.length - at < headerBytes) throw damaged(at, 'a record header is cut short')
    const length = payload.readUInt32LE(at)
    const code = payload.readUInt8(at + 4)
    const version = payload.readUInt8(at + 5)
    const bodyAt = at + headerBytes
    if (length > payload.length - bodyAt) throw damaged(at, `a record of ${length} bytes is cut short`)
    records.push(decodeRecord(code, version, payload.toString('utf8', bodyAt, bodyAt + length), at))
    at = bodyAt + length
  }
  if (records.length !== expectedCount) {
    throw damaged(at, `${records.length} records where the envelope counts ${expectedCount}`)
  }
  return records
}

function decodeRecord(code: number, version: number, body: string, at: number): StateRecord {
  const kind = kindByCode.get(code)
  if (kind === undefined || version > layouts[kind].version) {
    throw new EhubError('data-folder-newer', `the state log holds a record of code ${code}, version ${version}`, {
      hint: 'the data folder was written by a newer ehub: use that one, or a copy of the folder from before',
    })
  }
  const value = parseObject(body)
  if (version !== layouts[kind].version || value === null) throw damaged(at, `a record of kind ${kind} is not readable`)
  const { fields, optional = {} }: Layout = layouts[kind]
  const known = { ...fields, ...optional }
  const isWhole =
    Object.keys(fields).every((name) => Object.hasOwn(value, name)) &&
    Object.keys(value).every((name) => Object.hasOwn(known, name) && known[name]?.(value[name]) === true)
  if (!isWhole) throw damaged(at, `a record of kind ${kind} has other fields than it should`)
  // Checked against the table just above: every field is there that must be, of its type, and no unknown one.
  return { kind, ...value } as unknown as StateRecord
}

function parseObject(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function damaged(at: number, what: string): EhubError {
  return new EhubError('storage-corrupt', `the state log is damaged at byte ${at} of a batch: ${what}`)
}
