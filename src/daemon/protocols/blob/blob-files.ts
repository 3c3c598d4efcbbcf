// Content of larger blobs, one file a block below `blobs/` of the data folder:
//
//   Put Block       write and sync a file of its own, remember it as staged
//   Put Block List  sync the folder, then the state says which files the blob is made of: that is the moment it is there
//   afterwards      files no blob has any more are removed; what a crash leaves of them goes at the next start
//
// Staged blocks are forgotten with the process, and the oldest ones when there are too many.

import { EhubError } from '../../../base/error.ts'
import { type Random, uuid } from '../../../base/random.ts'
import type { BlobConditions, BlobDescription, BlobFilesWrite, Blobs } from '../../broker/blobs-api.ts'
import { type Disk, DiskError } from '../../storage/disk.ts'
import { BlobRefusal } from './refusals.ts'
import type { RequestBody } from './request-body.ts'

const folder = 'blobs'
const readBytes = 256 * 1024
/** Put together before they are written. */
const writeBytes = 1024 * 1024
const stagedMax = 10_000
/** Left to the logs. */
const freeBytesMin = 256 * 1024 * 1024

export interface Block {
  readonly file: string
  readonly bytes: number
}

export interface BlobFilesOptions {
  /** The data folder, whose lock is held. */
  readonly disk: Disk
  readonly blobs: Blobs
  readonly random: Random
}

export class BlobFiles {
  readonly #options: BlobFilesOptions
  /** By container and blob, in the order they came; each by id. */
  readonly #staged = new Map<string, Map<string, Block>>()
  #stagedCount = 0
  readonly #sizes = new Map<string, number>()

  private constructor(options: BlobFilesOptions) {
    this.#options = options
  }

  /** Removes what no blob has. @throws DiskError. */
  static async open(options: BlobFilesOptions): Promise<BlobFiles> {
    const { disk, blobs } = options
    await disk.makeDirectory(folder)
    await disk.syncDirectory('')
    const known = blobs.files()
    for (const { name } of await disk.list(folder)) if (!known.has(name)) await disk.remove(`${folder}/${name}`)
    blobs.takeOrphans()
    return new BlobFiles(options)
  }

  /** Writes a file of its own; durable but for its name. @throws EhubError `disk-full`, `argument-error` for a body cut short. */
  async stage(body: RequestBody): Promise<Block> {
    const { disk, random } = this.#options
    const { freeBytes } = await disk.space()
    if (freeBytes < body.bytes + freeBytesMin)
      throw new EhubError('disk-full', `${freeBytes} bytes are free on the disk`)
    const name = uuid(random)
    try {
      const bytes = await this.#write(`${folder}/${name}`, body)
      this.#sizes.set(name, bytes)
      return { file: name, bytes }
    } catch (error) {
      await this.#remove(name)
      if (error instanceof DiskError) throw refused(error)
      throw error
    }
  }

  async putBlock(container: string, blob: string, id: string, body: RequestBody): Promise<void> {
    const block = await this.stage(body)
    const key = keyOf(container, blob)
    const blocks = this.#staged.get(key) ?? new Map<string, Block>()
    this.#staged.set(key, blocks)
    const before = blocks.get(id)
    if (before === undefined) this.#stagedCount += 1
    else await this.#remove(before.file)
    blocks.set(id, block)
    await this.#forgetOldest(key)
  }

  /** Staged blocks in the order of a list. @throws BlobRefusal `InvalidBlockList` naming one that is not there. */
  blocksOf(container: string, blob: string, ids: readonly string[]): readonly Block[] {
    const blocks = this.#staged.get(keyOf(container, blob))
    return ids.map((id) => {
      const block = blocks?.get(id)
      if (block !== undefined) return block
      throw new BlobRefusal(400, 'InvalidBlockList', `block "${id}" was not put, or before the daemon started`)
    })
  }

  /** Makes the blob of these blocks, all or nothing. */
  async put(
    container: string,
    name: string,
    { blocks, ...write }: Pick<BlobFilesWrite, 'metadata' | 'contentType'> & { readonly blocks: readonly Block[] },
    conditions: BlobConditions,
  ): Promise<BlobDescription> {
    const { disk, blobs } = this.#options
    await disk.syncDirectory(folder)
    const files = blocks.map(({ file }) => file)
    const fileBytes = blocks.reduce((sum, { bytes }) => sum + bytes, 0)
    const made =
      files.length === 0
        ? await blobs.putBlob(container, name, { ...write, content: Buffer.alloc(0) }, conditions)
        : await blobs.putBlobFiles(container, name, { ...write, files, fileBytes }, conditions)
    return made
  }

  /** Staged blocks that did not become part of the blob. */
  forget(container: string, blob: string): void {
    const key = keyOf(container, blob)
    const blocks = this.#staged.get(key)
    if (blocks === undefined) return
    this.#staged.delete(key)
    this.#stagedCount -= blocks.size
    const used = new Set(this.#options.blobs.blob(container, blob).files)
    for (const { file } of blocks.values()) if (!used.has(file)) void this.#remove(file)
  }

  /** Bytes `[start, end)` of files one behind the other. */
  async *read(files: readonly string[], start: number, end: number): AsyncGenerator<Buffer> {
    let at = 0
    for (const name of files) {
      if (at >= end) return
      const file = await this.#options.disk.open(`${folder}/${name}`, 'read')
      try {
        const size = this.#sizes.get(name) ?? (await file.size())
        this.#sizes.set(name, size)
        const last = Math.min(size, end - at)
        for (let from = Math.max(0, start - at); from < last; ) {
          const into = Buffer.allocUnsafe(Math.min(readBytes, last - from))
          const count = await file.read(into, from)
          if (count === 0) throw new EhubError('storage-corrupt', `file "${name}" of a blob is shorter than it was`)
          yield into.subarray(0, count)
          from += count
        }
        at += size
      } finally {
        await file.close()
      }
    }
  }

  /** Removes files no blob has any more. */
  async collect(): Promise<void> {
    for (const name of this.#options.blobs.takeOrphans()) await this.#remove(name)
  }

  async #write(path: string, body: RequestBody): Promise<number> {
    const file = await this.#options.disk.open(path, 'create')
    try {
      let at = 0
      let waiting: Buffer[] = []
      let waitingBytes = 0
      const flush = async () => {
        await file.write(waiting, at)
        at += waitingBytes
        waiting = []
        waitingBytes = 0
      }
      for await (const chunk of body.chunks()) {
        waiting.push(chunk)
        waitingBytes += chunk.length
        if (waitingBytes >= writeBytes) await flush()
      }
      if (waitingBytes > 0) await flush()
      if (at !== body.bytes) throw new EhubError('argument-error', `${at} bytes came where ${body.bytes} were said`)
      await file.sync()
      return at
    } finally {
      await file.close()
    }
  }

  async #forgetOldest(kept: string): Promise<void> {
    for (const [key, blocks] of this.#staged) {
      if (this.#stagedCount <= stagedMax) return
      if (key === kept) continue
      this.#staged.delete(key)
      this.#stagedCount -= blocks.size
      for (const { file } of blocks.values()) await this.#remove(file)
    }
  }

  async #remove(name: string): Promise<void> {
    this.#sizes.delete(name)
    try {
      await this.#options.disk.remove(`${folder}/${name}`)
    } catch (error) {
      // Gone already, or it goes at the next start.
      if (!(error instanceof DiskError)) throw error
    }
  }
}

// No container's name holds a slash.
function keyOf(container: string, blob: string): string {
  return `${container}/${blob}`
}

function refused(error: DiskError): EhubError {
  return new EhubError(error.systemCode === 'ENOSPC' ? 'disk-full' : 'storage-failed', error.message, { cause: error })
}
