// What an inspection says, line by line, and how it reads: around whatever a disk cannot read.

import { DiskError, type DiskFile, type DiskPath } from './disk.ts'

/** `note`: nothing is lost by it, or a crash may leave it. `damage`: something that was acknowledged, or is needed, is not intact. */
export type InspectLevel = 'ok' | 'note' | 'damage'

/** Numbers, texts, and decoded JSON of state records. */
export type InspectFields = Readonly<Record<string, unknown>>

export interface InspectLine {
  readonly path: DiskPath
  /** What is described: `segment`, `batch`, `hole`, `rest`, `record`, `journal`, `group`, `row`, `index`, `entry`, `version`, … */
  readonly kind: string
  readonly level: InspectLevel
  /** Bytes of the file, `to` exclusive; null where the whole file is meant. */
  readonly at: number | null
  readonly to: number | null
  /** What is wrong or worth knowing, null when nothing is. */
  readonly detail: string | null
  readonly fields: InspectFields
}

interface Place {
  readonly at?: number
  readonly to?: number
}

export function saying(path: DiskPath, kind: string, fields: InspectFields, place: Place = {}): InspectLine {
  return { path, kind, level: 'ok', at: place.at ?? null, to: place.to ?? null, detail: null, fields }
}

export function noting(
  path: DiskPath,
  kind: string,
  detail: string,
  place: Place = {},
  fields: InspectFields = {},
): InspectLine {
  return { ...saying(path, kind, fields, place), level: 'note', detail }
}

export function damaged(
  path: DiskPath,
  kind: string,
  detail: string,
  place: Place = {},
  fields: InspectFields = {},
): InspectLine {
  return { ...saying(path, kind, fields, place), level: 'damage', detail }
}

/** A file that could not be opened, read or listed at all. One that is gone was removed by a running daemon. */
export function unreadable(path: DiskPath, error: DiskError): InspectLine {
  if (error.systemCode === 'ENOENT') return noting(path, 'file', 'it is gone: a daemon is at work here')
  return damaged(path, 'file', `it cannot be read: ${error.message}`)
}

// The unit in which the page cache reads: one bad sector makes one such piece unreadable.
const pieceBytes = 4096

/** A file for reading only whose unreadable pieces read as zeros and are remembered. */
export class LenientFile implements DiskFile {
  readonly path: DiskPath
  readonly #file: DiskFile
  readonly #bad = new Map<number, string>()

  constructor(file: DiskFile) {
    this.#file = file
    this.path = file.path
  }

  size(): Promise<number> {
    return this.#file.size()
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    try {
      return await this.#file.read(into, at)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
    }
    for (let done = 0; done < into.length; ) {
      const piece = into.subarray(done, Math.min(into.length, done + pieceBytes - ((at + done) % pieceBytes)))
      try {
        const count = await this.#file.read(piece, at + done)
        if (count < piece.length) return done + count
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        piece.fill(0)
        this.#bad.set(at + done, error.message)
      }
      done += piece.length
    }
    return into.length
  }

  /** The pieces that could not be read so far. */
  *badPieces(): Generator<InspectLine> {
    for (const [at, message] of this.#bad) {
      const to = at + pieceBytes - (at % pieceBytes)
      yield damaged(this.path, 'unreadable', `the disk cannot read here: ${message}`, { at, to })
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  readSync(): never {
    return neverWritten()
  }

  write(): never {
    return neverWritten()
  }

  writeSync(): never {
    return neverWritten()
  }

  preallocate(): never {
    return neverWritten()
  }

  truncate(): never {
    return neverWritten()
  }

  sync(): never {
    return neverWritten()
  }
}

function neverWritten(): never {
  throw new Error('an inspection only reads, and not on this thread')
}

const restBytesMax = 64 * 1024

/** What follows the last intact thing of a file: nothing, zeros, old bytes, or something unfinished. */
export async function* restOf(
  file: LenientFile,
  at: number,
  needle: Buffer,
  needleOffset: number,
): AsyncGenerator<InspectLine> {
  const to = await file.size()
  if (at >= to) return
  const bytes = Buffer.alloc(Math.min(restBytesMax, to - at))
  const count = await file.read(bytes, at)
  const found = bytes.subarray(0, count)
  if (found.subarray(needleOffset, needleOffset + needle.length).equals(needle)) {
    yield noting(file.path, 'unfinished', 'something begins here and is not whole', { at, to })
  } else {
    const isZero = found.every((byte) => byte === 0)
    yield saying(file.path, 'rest', { content: isZero ? 'zeros' : 'old bytes' }, { at, to })
  }
}
