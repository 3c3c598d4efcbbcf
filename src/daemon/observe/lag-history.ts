// Lag over time, so that graphs exist after the fact: one file for each hour, only changes written. docs/FORMAT.md, "Lag history".
//
//   file `lag/<hour, 10 digits>.lag`, hour = floor(unix ms / 3,600,000):
//
//     0        4        6      8              12                    20
//     +--------+--------+------+--------------+---------------------+
//     | "EHLG" | version| 0    | record …     |                     |
//     +--------+--------+------+--------------+---------------------+
//     name record   u8 1 | u16 length | u32 key number | UTF-8 of hub LF group LF partition
//     value record  u8 2 | u16 tenths of a second into the hour | u32 key number | f64 lag
//
// Nothing here is promised: the file is not synced, a torn last record is skipped, and a lost hour is a gap in a graph.

import { isEhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { LagSnapshot } from '../../wire/lag/snapshot.ts'
import { type Disk, DiskError, type DiskFile } from '../storage/disk.ts'

const folder = 'lag'
const hourMs = 3_600_000
const magic = Buffer.from('EHLG\u0001\u0000\u0000\u0000', 'latin1')
const nameRecord = 1
const valueRecord = 2
const valueBytes = 15
const nameHeadBytes = 7

/** Milliseconds between kept samples, and how much is kept: a week, or this many bytes, the oldest hours go first. */
export const historyStepMs = 10_000
const keptHours = 7 * 24
const keptBytesMax = 256 * 1024 * 1024

export interface HistorySample {
  readonly atMs: number
  readonly lag: number
}

interface OpenHour {
  readonly hour: number
  readonly file: DiskFile
  at: number
  /** Key numbers given in this hour, and the lag written last for each. */
  readonly keys: Map<string, { readonly number: number; lag: number }>
}

/** What a daemon keeps of lag over time. */
export interface History {
  /** Offered every snapshot; keeps one every ten seconds. Never throws. */
  keep(snapshot: LagSnapshot): void
  /** Changes of one partition of one group between two times, both inclusive, oldest first. */
  read(key: string, fromMs: number, toMs: number): Promise<readonly HistorySample[]>
  close(): Promise<void>
}

export class LagHistory implements History {
  readonly #disk: Disk
  readonly #log: Log
  #open: OpenHour | null = null
  #lastMs = 0
  // One writer: a sample that comes while one is being written is left out.
  #writing: Promise<void> | null = null

  constructor(disk: Disk, log: Log) {
    this.#disk = disk
    this.#log = log
  }

  /** A full disk leaves a gap. */
  keep(snapshot: LagSnapshot): void {
    if (this.#writing !== null || snapshot.atMs - this.#lastMs < historyStepMs) return
    this.#lastMs = snapshot.atMs
    this.#writing = this.#write(snapshot)
      .catch((error: unknown) => {
        if (!(error instanceof DiskError)) throw error
        this.#open = null
        this.#log.warn('lag history was not written', { code: error.systemCode })
      })
      .finally(() => {
        this.#writing = null
      })
  }

  async read(key: string, fromMs: number, toMs: number): Promise<readonly HistorySample[]> {
    await this.#writing
    const found: HistorySample[] = []
    for (let hour = Math.floor(fromMs / hourMs); hour <= Math.floor(toMs / hourMs); hour++) {
      for (const sample of samplesOf(await this.#bytesOf(hour), hour, key)) {
        if (sample.atMs >= fromMs && sample.atMs <= toMs) found.push(sample)
      }
    }
    return found
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#open?.file.close()
    this.#open = null
  }

  async #write(snapshot: LagSnapshot): Promise<void> {
    const hour = Math.floor(snapshot.atMs / hourMs)
    if (this.#open?.hour !== hour) await this.#begin(hour)
    const open = this.#open
    if (open === null) return
    const records: Buffer[] = []
    for (const row of snapshot.partitions) {
      if (row.status === 'UNUSED') continue
      const key = historyKey(row.hub, row.group, row.partition)
      let known = open.keys.get(key)
      if (known === undefined) {
        known = { number: open.keys.size, lag: Number.NaN }
        open.keys.set(key, known)
        records.push(nameBytes(known.number, key))
      }
      if (known.lag === row.lag) continue
      known.lag = row.lag
      records.push(valueRecordBytes(known.number, snapshot.atMs - hour * hourMs, row.lag))
    }
    if (records.length === 0) return
    const bytes = Buffer.concat(records)
    await open.file.write([bytes], open.at)
    open.at += bytes.length
  }

  async #begin(hour: number): Promise<void> {
    await this.#open?.file.close()
    this.#open = null
    await this.#disk.makeDirectory(folder)
    const path = pathOf(hour)
    const bytes = await this.#bytesOf(hour)
    const file = await this.#disk.open(path, bytes === null ? 'create' : 'write')
    const keys: OpenHour['keys'] = new Map()
    let at = magic.length
    if (bytes === null) {
      await file.write([magic], 0)
    } else {
      // A restart within the hour goes on behind the last whole record.
      at = walk(
        bytes,
        (number, key) => keys.set(key, { number, lag: Number.NaN }),
        () => undefined,
      )
      await file.truncate(at)
    }
    this.#open = { hour, file, at, keys }
    await this.#forget(hour)
  }

  async #forget(hour: number): Promise<void> {
    const hours = (await this.#disk.list(folder))
      .map(({ name }) => /^(\d{10})\.lag$/.exec(name)?.[1])
      .filter((text) => text !== undefined)
      .map(Number)
      .toSorted((a, b) => b - a)
    let bytes = 0
    for (const old of hours) {
      bytes += (await this.#bytesOf(old))?.length ?? 0
      const isTooOld = old <= hour - keptHours
      if (old !== hour && (isTooOld || bytes > keptBytesMax)) await this.#disk.remove(pathOf(old))
    }
  }

  /** The hour's file, null when there is none or it is not ours. */
  async #bytesOf(hour: number): Promise<Buffer | null> {
    let file: DiskFile
    try {
      file = await this.#disk.open(pathOf(hour), 'read')
    } catch (error) {
      if (error instanceof DiskError && error.systemCode === 'ENOENT') return null
      if (isEhubError(error)) return null
      throw error
    }
    try {
      const bytes = Buffer.alloc(Math.min(await file.size(), keptBytesMax))
      const read = await file.read(bytes, 0)
      return bytes.subarray(0, read)
    } finally {
      await file.close()
    }
  }
}

/** Names a partition of a group in the files. */
export function historyKey(hub: string, group: string, partition: number): string {
  return `${hub}\n${group}\n${partition}`
}

function pathOf(hour: number): string {
  return `${folder}/${String(hour).padStart(10, '0')}.lag`
}

function nameBytes(number: number, key: string): Buffer {
  const text = Buffer.from(key, 'utf8')
  const head = Buffer.alloc(nameHeadBytes)
  head.writeUInt8(nameRecord, 0)
  head.writeUInt16BE(text.length, 1)
  head.writeUInt32BE(number, 3)
  return Buffer.concat([head, text])
}

function valueRecordBytes(number: number, intoHourMs: number, lag: number): Buffer {
  const bytes = Buffer.alloc(valueBytes)
  bytes.writeUInt8(valueRecord, 0)
  bytes.writeUInt16BE(Math.floor(intoHourMs / 100), 1)
  bytes.writeUInt32BE(number, 3)
  bytes.writeDoubleBE(lag, 7)
  return bytes
}

/** Calls back for every whole record. @returns Where the last whole record ends; the header's end for a foreign file. */
function walk(
  bytes: Buffer,
  onName: (number: number, key: string) => void,
  onValue: (number: number, intoHourMs: number, lag: number) => void,
): number {
  if (!bytes.subarray(0, magic.length).equals(magic)) return magic.length
  let at = magic.length
  while (at + nameHeadBytes <= bytes.length) {
    const kind = bytes[at]
    if (kind === nameRecord) {
      const end = at + nameHeadBytes + bytes.readUInt16BE(at + 1)
      if (end > bytes.length) break
      onName(bytes.readUInt32BE(at + 3), bytes.toString('utf8', at + nameHeadBytes, end))
      at = end
    } else if (kind === valueRecord && at + valueBytes <= bytes.length) {
      onValue(bytes.readUInt32BE(at + 3), bytes.readUInt16BE(at + 1) * 100, bytes.readDoubleBE(at + 7))
      at += valueBytes
    } else break
  }
  return at
}

function samplesOf(bytes: Buffer | null, hour: number, key: string): readonly HistorySample[] {
  if (bytes === null) return []
  const samples: HistorySample[] = []
  let wanted: number | null = null
  walk(
    bytes,
    (number, name) => {
      if (name === key) wanted = number
    },
    (number, intoHourMs, lag) => {
      if (number === wanted) samples.push({ atMs: hour * hourMs + intoHourMs, lag })
    },
  )
  return samples
}
