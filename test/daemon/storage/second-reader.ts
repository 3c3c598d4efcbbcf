// A second reader of a data folder, written from docs/FORMAT.md alone: it imports nothing of the product. When it and the
// engine disagree, the document is wrong, or the engine is. "Step n" are those of "Reading a folder".

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ReadBatch {
  readonly sequence: number
  readonly offset: number
  readonly count: number
  readonly timeMs: number
  readonly encoding: string
  readonly payload: Buffer
  /** Of a compacted envelope: the sequences and offsets that are left, and when its delete markers were met. */
  readonly left?: {
    readonly sequences: readonly number[] | number
    readonly offsets: readonly number[]
    readonly offsetSpan: number
    readonly cleanedAt: number | null
  }
  readonly producer: { readonly id: bigint; readonly sequence: number; readonly epoch: number } | null
}

export interface ReadLog {
  readonly start: number
  readonly end: number
  readonly endOffset: number
  readonly batches: readonly ReadBatch[]
}

interface State {
  start: number
  segmentBase: number | null
  position: number
  end: number
  endOffset: number
  isExact: boolean
}

interface Held {
  readonly sequence: number
  readonly end: number
  readonly segmentBase: number
  readonly position: number
  readonly bytes: Buffer
}

interface Known {
  state: State | null
  held: Held[]
  /** Headers of segments, 512 bytes, by base sequence. */
  readonly headers: Map<number, Buffer>
}

const none = 0xffff_ffff_ffff_ffffn
const table = Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0)
  return value
})

function crc(bytes: Buffer): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return (value ^ 0xffffffff) >>> 0
}

const u64 = (bytes: Buffer, at: number) => Number(bytes.readBigUInt64LE(at))
const u64OrNone = (bytes: Buffer, at: number) => (bytes.readBigUInt64LE(at) === none ? null : u64(bytes, at))
const align = (bytes: number) => Math.ceil(bytes / 8) * 8
const magicAt = (bytes: Buffer, at: number) => bytes.toString('latin1', at, at + 4)

/** The first intact of the two copies of a header. */
function headerOf(bytes: Buffer, magic: string): Buffer | null {
  for (const at of [0, 512]) {
    const copy = bytes.subarray(at, at + 512)
    if (copy.length === 512 && magicAt(copy, 4) === magic && crc(copy.subarray(4)) === copy.readUInt32LE(0)) return copy
  }
  return null
}

/** Step 1. */
function versionOf(folder: string): { readonly version: number; readonly journal: number } {
  const bytes = readFileSync(join(folder, 'version'))
  const slots = [0, 512]
    .map((at) => bytes.subarray(at, at + 512))
    .filter((slot) => magicAt(slot, 4) === 'EHV1' && crc(slot.subarray(4)) === slot.readUInt32LE(0))
    .toSorted((a, b) => u64(b, 16) - u64(a, 16))
  const newest = slots[0]
  if (newest === undefined) throw new Error('no version')
  return { version: newest.readUInt32LE(8), journal: u64(newest, 24) }
}

interface Row {
  readonly kind: number
  readonly log: number
  readonly segmentBase: number
  readonly position: number
  readonly body: Buffer
}

/** Every intact group of a journal file in order, as rows. */
function* rowsOf(bytes: Buffer, generation: number, limit: number): Generator<Row> {
  for (let at = 1024; at + 64 <= Math.min(limit, bytes.length); ) {
    const total = bytes.readUInt32LE(at + 24)
    const count = bytes.readUInt32LE(at + 28)
    const rowsEnd = at + 64 + 32 * count
    const isGroup =
      magicAt(bytes, at + 4) === 'EHG1' &&
      u64(bytes, at + 8) === generation &&
      at + total <= bytes.length &&
      rowsEnd <= at + total &&
      crc(bytes.subarray(at + 4, rowsEnd)) === bytes.readUInt32LE(at)
    if (!isGroup) return
    const rows: Row[] = []
    let bodyAt = rowsEnd
    for (let row = at + 64; row < rowsEnd; row += 32) {
      const kind = bytes.readUInt8(row)
      const length = bytes.readUInt32LE(row + 8)
      const body = bytes.subarray(bodyAt, bodyAt + length)
      if (crc(kind === 1 ? body.subarray(4) : body) !== bytes.readUInt32LE(row + 12)) return
      const [segmentBase, position] = [u64(bytes, row + 16), u64(bytes, row + 24)]
      rows.push({ kind, log: bytes.readUInt32LE(row + 4), segmentBase, position, body })
      bodyAt += align(length)
    }
    if (bodyAt !== at + total) return
    yield* rows
    at += total
  }
}

/** Steps 2 to 5. */
function readJournal(folder: string): Map<string, Known> {
  const files: { generation: number; bytes: Buffer; limit: number }[] = []
  for (const name of readdirSync(join(folder, 'journal')).toSorted()) {
    const generation = Number(/^(\d{20})\.wal$/.exec(name)?.[1])
    const bytes = readFileSync(join(folder, 'journal', name))
    const header = headerOf(bytes, 'EHJ1')
    if (header === null || u64(header, 8) !== generation) continue
    const before = files.find((file) => file.generation === u64OrNone(header, 32))
    if (before !== undefined) before.limit = u64(header, 40)
    files.push({ generation, bytes, limit: Infinity })
  }
  const newest = files.at(-1)
  let replayFrom = 0
  if (newest !== undefined) {
    for (const { kind, body } of rowsOf(newest.bytes, newest.generation, newest.limit))
      if (kind === 5) replayFrom = u64(body, 0)
  }
  const logs = new Map<string, Known>()
  for (const { generation, bytes, limit } of files) {
    if (generation < replayFrom) continue
    const names = new Map<number, string>()
    for (const row of rowsOf(bytes, generation, limit)) readRow(row, names, logs)
  }
  for (const known of logs.values()) {
    const end = known.state?.end ?? 0
    known.held = known.held.filter((held) => held.end > end)
  }
  return logs
}

function readRow(
  { kind, log, segmentBase, position, body }: Row,
  names: Map<number, string>,
  logs: Map<string, Known>,
) {
  if (kind === 3) {
    const key = `${body.toString('latin1', 80)}/${body.readUInt16LE(68)}`
    names.set(log, key)
    const known = logs.get(key) ?? { state: null, held: [], headers: new Map() }
    logs.set(key, known)
    const isExact = (body.readUInt32LE(64) & 1) === 1
    const [start, end, endOffset] = [u64(body, 0), u64(body, 40), u64(body, 48)]
    const state = { start, segmentBase: u64OrNone(body, 16), position: u64(body, 32), end, endOffset, isExact }
    const further = known.state !== null && known.state.end > end ? known.state : state
    known.state = { ...further, start: Math.max(start, known.state?.start ?? 0), isExact }
  } else if (kind === 4) {
    for (const key of logs.keys()) if (key.slice(0, key.lastIndexOf('/')) === body.toString('latin1')) logs.delete(key)
  } else if (kind === 1 || kind === 2) {
    const known = logs.get(names.get(log) ?? '')
    if (known === undefined) return
    if (kind === 2) known.headers.set(u64(body, 24), body)
    else {
      const sequence = u64(body, 24)
      known.held.push({ sequence, end: sequence + body.readUInt32LE(40), segmentBase, position, bytes: body })
    }
  }
}

/** The table of a compacted envelope. */
function leftIn(it: Buffer): NonNullable<ReadBatch['left']> {
  const entries = Array.from({ length: it.readUInt32LE(84) }, (_, index) => 104 + 8 * index)
  return {
    sequences: entries.length === 0 ? it.readUInt32LE(80) : entries.map((at) => it.readUInt32LE(at)),
    offsets: entries.map((at) => it.readUInt32LE(at + 4)),
    offsetSpan: it.readUInt32LE(88),
    cleanedAt: u64OrNone(it, 96),
  }
}

/** The envelope at a place, null when there is no intact one that continues. */
function envelopeAt(bytes: Buffer, at: number, generation: number, identity: number, sequence: number) {
  if (at + 80 > bytes.length || magicAt(bytes, at + 4) !== 'EHB1') return null
  const length = bytes.readUInt32LE(at + 16)
  if (length < 80 || at + length > bytes.length) return null
  const it = bytes.subarray(at, at + length)
  const kind = it.readUInt8(20)
  if (crc(it.subarray(4)) !== it.readUInt32LE(0) || (kind !== 1 && kind !== 2)) return null
  if (u64(it, 8) !== generation || it.readUInt32LE(44) !== identity || u64(it, 24) !== sequence) return null
  const flags = it.readUInt16LE(22)
  const producer = { id: it.readBigInt64LE(64), sequence: it.readInt32LE(72), epoch: it.readInt32LE(76) }
  const batch: ReadBatch = {
    sequence,
    offset: u64(it, 32),
    count: it.readUInt32LE(40),
    timeMs: u64(it, 48),
    encoding: ['', 'amqp', 'kafka', 'state'][it.readUInt8(21)] ?? '',
    payload: Buffer.from(it.subarray(kind === 1 ? 80 : 104 + 8 * it.readUInt32LE(84))),
    ...(kind === 1 ? {} : { left: leftIn(it) }),
    producer: (flags & 1) === 1 ? producer : null,
  }
  return { batch, next: at + align(length), continues: (flags & 2) === 2 }
}

/** The log's segments with what the journal holds laid over them: bytes by base sequence. */
function segmentsOf(folder: string, key: string, known: Known): Map<number, Buffer> {
  const slash = key.lastIndexOf('/')
  const path = join(folder, 'logs', key.slice(0, slash).replace('/', '.'), key.slice(slash + 1))
  const segments = new Map<number, Buffer>()
  for (const name of existsSync(path) ? readdirSync(path).toSorted() : []) {
    const base = /^(\d{20})\.log$/.exec(name)?.[1]
    if (base !== undefined) segments.set(Number(base), readFileSync(join(path, name)))
  }
  // A compacted segment replaces every other within its range; of two with the same range the later one counts.
  const compacted = [...(existsSync(path) ? readdirSync(path) : [])]
    .map((name) => ({ name, range: /^(\d{20})-(\d{20})-(\d{20})\.log$/.exec(name)?.slice(1).map(Number) ?? [] }))
    .filter(({ range }) => range.length === 3)
    .toSorted((a, b) => a.range[1]! - a.range[0]! - b.range[1]! + b.range[0]! || a.range[2]! - b.range[2]!)
  for (const { name, range } of compacted) {
    for (const base of segments.keys()) if (base >= range[0]! && base < range[1]!) segments.delete(base)
    segments.set(range[0]!, readFileSync(join(path, name)))
  }
  for (const { segmentBase, position, bytes } of known.held) {
    let file = segments.get(segmentBase) ?? Buffer.alloc(0)
    const end = position + align(bytes.length)
    if (file.length < end) file = Buffer.concat([file, Buffer.alloc(end - file.length)])
    known.headers.get(segmentBase)?.copy(file, 0)
    bytes.copy(file, position)
    segments.set(segmentBase, file)
  }
  return segments
}

/** Steps 5 to 7 of one log without damage. */
function readLog(folder: string, key: string, known: Known): ReadLog {
  const { state, held } = known
  const segments = segmentsOf(folder, key, known)
  const bases = [...segments.keys()].toSorted((a, b) => a - b)
  const last = held.at(-1)
  // Where the newest segment ends; without an exact state it is walked to its last intact envelope.
  const newestEnd =
    last === undefined
      ? { base: state?.segmentBase ?? null, position: state?.position ?? 0 }
      : { base: last.segmentBase, position: last.position + align(last.bytes.length) }
  const isExact = state?.isExact === true
  const identity = crc(Buffer.from(key))
  const batches: ReadBatch[] = []
  let open = 0
  let sequence = state?.start ?? 0
  let endOffset = state?.endOffset ?? 0
  for (const [index, base] of bases.entries()) {
    const bytes = segments.get(base) ?? Buffer.alloc(0)
    const header = headerOf(bytes, 'EHS1')
    const next = headerOf(segments.get(bases[index + 1] ?? -1) ?? Buffer.alloc(0), 'EHS1')
    if (header === null || u64(header, 24) !== base || header.readUInt32LE(20) !== identity) continue
    let limit = isExact && base === newestEnd.base ? newestEnd.position : bytes.length
    if (next !== null && u64OrNone(next, 56) === base) limit = u64(next, 64)
    const isCompacted = u64(header, 256) !== 0
    if (isCompacted) limit = u64(header, 256)
    sequence = base
    for (let at = 1024; at < limit; ) {
      const found = envelopeAt(bytes, at, u64(header, 8), identity, sequence)
      if (found === null) break
      batches.push(found.batch)
      open = found.continues ? open + 1 : 0
      at = found.next
      sequence += found.batch.count
      endOffset = found.batch.offset + found.batch.payload.length
    }
    if (isCompacted) endOffset = u64(header, 272)
  }
  // An append without its end is none.
  for (; open > 0 && !isExact; open--) sequence -= batches.pop()?.count ?? 0
  const start = state?.start ?? bases[0] ?? 0
  const readable = batches.filter((batch) => batch.sequence + batch.count > start)
  return { start, end: Math.max(sequence, state?.end ?? 0), endOffset, batches: readable }
}

/** Every log of a data folder that is not damaged, by `<group>/<partition>`. */
export function readFolder(folder: string): Map<string, ReadLog> {
  if (versionOf(folder).version > 2) throw new Error('newer')
  const logs = new Map<string, ReadLog>()
  for (const [key, known] of readJournal(folder)) logs.set(key, readLog(folder, key, known))
  return logs
}
