// Goes on with a log in a new segment after the file of its newest one failed (reliability §2 rule 7). The failed file is
// never written to or read beyond its last synced position again; where it ended is recorded in the new segment's header.
// What was acknowledged and lies beyond that position comes from elsewhere, never from the page cache of the failed file:
// from the commit journal, or under durability `os` from memory.

import { assert } from '../../base/assert.ts'
import { type Disk, DiskError, type DiskFile, type DiskPath } from './disk.ts'
import {
  decodeEnvelopeHeader,
  decodeSegmentHeader,
  encodeSegmentHeader,
  envelopeBytes,
  envelopeHeaderBytes,
  headerBytes,
  logIdentity,
  type SegmentHeader,
} from './format.ts'
import type { LogState } from './journal-format.ts'
import { findJournalFiles, journalLimits, scanJournalFile } from './journal-scan.ts'
import { decodeState } from './journal-format.ts'
import { logFolder, logKey, movingPath, numberOfName, segmentPath } from './paths.ts'
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
  #path: DiskPath = ''
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
    const { disk } = this.#parts
    // One rename, over the failed segment itself when nothing of it was ever synced: until everything acknowledged is in the
    // new one, the page cache of the failed one may be all that a kill leaves of it.
    await disk.rename(movingPath(this.#state.id), this.#path)
    await disk.syncDirectory(logFolder(this.#state.id))
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
    this.#path = segmentPath(id, baseSequence)
    let previous: SegmentHeader['previous'] = null
    if (segmentBase === baseSequence) previous = await previousOf(disk, this.#path)
    else if (segmentBase !== null)
      previous = { baseSequence: segmentBase, endPosition: position, endSequence: end.sequence }
    await removeIfThere(disk, movingPath(id))
    const file = await disk.open(movingPath(id), 'create')
    this.#file = file
    this.#state = { ...this.#state, segmentBase: baseSequence, segmentGeneration: generation, position: headerBytes }
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

/**
 * What the segment at `path` says of the one before it, null when it says nothing. A log that is moved twice without an event
 * between replaces its empty new segment by another: where the one that failed first ended counts all the same.
 * @throws DiskError
 */
async function previousOf(disk: Disk, path: string): Promise<SegmentHeader['previous']> {
  let file: DiskFile
  try {
    file = await disk.open(path, 'read')
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return null
    throw error
  }
  try {
    const bytes = Buffer.alloc(headerBytes)
    return decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)))?.previous ?? null
  } finally {
    await file.close()
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

async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
  }
}
