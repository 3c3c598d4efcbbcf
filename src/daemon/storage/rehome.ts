// Goes on with a log in a new segment after the file of its newest one failed (reliability §2 rule 7). The failed file is
// never written to or read beyond its last synced position again; where it ended is recorded in the new segment's header.
// What was acknowledged and lies beyond that position comes from elsewhere, never from the page cache of the failed file:
// from the commit journal, or under durability `os` from memory.

import { assert } from '../../base/assert.ts'
import { type Disk, DiskError, type DiskFile } from './disk.ts'
import {
  decodeEnvelopeHeader,
  encodeSegmentHeader,
  envelopeBytes,
  envelopeHeaderBytes,
  headerBytes,
  logIdentity,
} from './format.ts'
import type { LogState } from './journal-format.ts'
import { findJournalFiles, journalLimits, scanJournalFile } from './journal-scan.ts'
import { decodeState } from './journal-format.ts'
import { logFolder, logKey, numbered, numberOfName, segmentPath, tornFolder } from './paths.ts'
import { reEncode } from './staged-append.ts'

export interface RehomeParts {
  readonly disk: Disk
  readonly now: number
  readonly generation: number
}

// Written at a time.
const writeBytes = 4 * 1024 * 1024

export class Rehome {
  readonly #parts: RehomeParts
  readonly #before: LogState
  #state: LogState
  #file: DiskFile | null = null
  #chunks: Buffer[] = []
  #chunkBytes = 0

  /** @param state The log up to its last synced place. */
  constructor(state: LogState, parts: RehomeParts) {
    this.#parts = parts
    this.#before = state
    this.#state = state
  }

  /** Adds an intact envelope of the failed segment, in order; one that is not beyond the synced place is passed over. @throws DiskError */
  async add(envelope: Buffer): Promise<void> {
    const header = decodeEnvelopeHeader(envelope, 0)
    assert(header !== null, 'an envelope that was verified has a header')
    const end = header.baseSequence + header.count
    if (end <= this.#state.end.sequence) return
    await this.#begin(header.baseSequence, Math.max(this.#state.end.offset, 0))
    const copy = reEncode(envelope, this.#parts.generation, logIdentity(this.#state.id), this.#before.end.sequence)
    this.#chunks.push(copy)
    this.#chunkBytes += copy.length
    this.#state = {
      ...this.#state,
      position: this.#state.position + envelopeBytes(header.lengthBytes - envelopeHeaderBytes),
      end: { sequence: end, offset: header.baseOffset + header.lengthBytes - envelopeHeaderBytes },
      lastTimeMs: header.enqueuedTimeMs,
    }
    if (this.#chunkBytes >= writeBytes) await this.#write()
  }

  /** Where the log ends with what was added. */
  get endSequence(): number {
    return this.#state.end.sequence
  }

  /** Makes the new segment durable, also an empty one; resolves to the log's state with it. @throws DiskError */
  async finish(): Promise<LogState> {
    await this.#begin(this.#state.end.sequence, this.#state.end.offset)
    await this.#write()
    await this.#file?.sync()
    // It is durable: what close answers changes nothing.
    await this.close().catch(() => undefined)
    await this.#parts.disk.syncDirectory(logFolder(this.#state.id))
    return { ...this.#state, isExact: true }
  }

  /** Gives the file back, also after a failure. */
  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    await file?.close()
  }

  async #begin(baseSequence: number, baseOffset: number): Promise<void> {
    if (this.#file !== null) return
    const { id, segmentBase, position, end, lastTimeMs } = this.#before
    const { disk, generation, now } = this.#parts
    const path = segmentPath(id, baseSequence)
    // The failed segment itself, when nothing of it was ever synced, or what an earlier attempt left.
    await setAside(
      disk,
      path,
      `${logKey(id).replaceAll('/', '.')}.${numbered(baseSequence)}.${generation}`,
      logFolder(id),
    )
    const isSame = segmentBase === null || segmentBase === baseSequence
    const file = await disk.open(path, 'create')
    this.#file = file
    this.#state = { ...this.#state, segmentBase: baseSequence, segmentGeneration: generation, position: headerBytes }
    const previous = isSame ? null : { baseSequence: segmentBase, endPosition: position, endSequence: end.sequence }
    const header = { generation, id, baseSequence, baseOffset, createdAtMs: now, previousTimeMs: lastTimeMs, previous }
    await file.write([encodeSegmentHeader({ ...header, durableEnd: end.sequence })], 0)
  }

  async #write(): Promise<void> {
    const chunks = this.#chunks
    const bytes = this.#chunkBytes
    this.#chunks = []
    this.#chunkBytes = 0
    if (bytes > 0) await this.#file?.write(chunks, this.#state.position - bytes)
  }
}

/** Removes the segments behind the one a log was moved to: all they hold is in it now. @throws DiskError */
export async function removeSuperseded(disk: Disk, { id, segmentBase }: LogState): Promise<void> {
  for (const { name } of await disk.list(logFolder(id))) {
    const base = numberOfName(name, 'log') ?? numberOfName(name, 'index')
    if (base !== null && base > (segmentBase ?? Infinity)) await disk.remove(`${logFolder(id)}/${name}`)
  }
  await disk.syncDirectory(logFolder(id))
}

/** Calls `visit` with every envelope the journal holds of a log, oldest first. @throws DiskError */
export async function journalEnvelopes(
  disk: Disk,
  id: LogState['id'],
  oldestNeeded: number,
  visit: (envelope: Buffer) => Promise<void>,
): Promise<void> {
  const found = (await findJournalFiles(disk)).filter(({ generation }) => generation >= oldestNeeded)
  const limits = journalLimits(found)
  // A log that was deleted and made again has an earlier life in the journal, too.
  let life = 0
  let isCounting = true
  const pass = async () => {
    let lives = 0
    for (const { generation } of found) {
      const numbers = new Set<number>()
      await scanJournalFile(disk, generation, limits.get(generation) ?? Infinity, async ({ bytes, parts }) => {
        for (const part of parts) {
          const body = bytes.subarray(part.bodyAt, part.bodyAt + part.lengthBytes)
          if (part.kind === 'state' && logKey(decodeState(body).id) === logKey(id)) numbers.add(part.logNumber)
          if (part.kind === 'forget' && body.toString('latin1') === id.group) lives += 1
          if (part.kind !== 'envelope' || !numbers.has(part.logNumber)) continue
          if (!isCounting && lives === life) await visit(body)
        }
      })
    }
    return lives
  }
  life = await pass()
  isCounting = false
  await pass()
}

async function setAside(disk: Disk, path: string, name: string, folder: string): Promise<void> {
  await disk.makeDirectory(tornFolder)
  try {
    await disk.rename(path, `${tornFolder}/${name}`)
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return
    throw error
  }
  await disk.syncDirectory(tornFolder)
  await disk.syncDirectory(folder)
}
