// The real disk: `Disk` over node:fs below one folder. Folders are made 0700, files 0600 and opened without following a
// link; a symbolic link anywhere below the data folder is refused, because it would lead writes out of the folder whose
// permissions protect them. Reads and writes loop until they are complete; every error is a `DiskError`.

import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  lstatSync,
  mkdir,
  open,
  read,
  readdir,
  readSync,
  rename,
  rmdir,
  statfs,
  unlink,
  writev,
  writevSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import { Permits } from '../../base/permits.ts'
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskFile,
  type DiskPath,
  type DiskSpace,
  type OpenMode,
} from './disk.ts'
import { takeFolderLock } from './folder-lock.ts'

const fs = {
  close: promisify(close),
  fdatasync: promisify(fdatasync),
  fstat: promisify(fstat),
  fsync: promisify(fsync),
  ftruncate: promisify(ftruncate),
  mkdir: promisify(mkdir),
  open: promisify(open),
  readdir: promisify(readdir),
  rename: promisify(rename),
  rmdir: promisify(rmdir),
  statfs: promisify(statfs),
  unlink: promisify(unlink),
}

const folderSyncsAtOnce = 4
// IOV_MAX of Linux; longer lists are written in several calls.
const chunksPerCallMax = 1024
// Zeros are written in pieces of this size when space is reserved.
const zeroBytes = 1024 * 1024
let zeros: Buffer | null = null

const openFlags: Record<OpenMode, number> = {
  read: constants.O_RDONLY | constants.O_NOFOLLOW,
  write: constants.O_RDWR | constants.O_NOFOLLOW,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
}

/** Interrupted calls are tried again (reliability §2 rule 2). */
function isInterrupted(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'EINTR' || code === 'EAGAIN'
}

function diskError(action: string, path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  const code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'
  return new DiskError(code, `${action} ${path}: ${code}`, error)
}

// Handing a chunk to the kernel costs 2 µs, copying it 0.1 µs a KiB: many small ones are cheaper as one.
const gatheredChunkBytesMax = 16 * 1024
const gatheredChunksMin = 4

/** The same bytes in fewer pieces, where that is cheaper. */
function gather(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const bytes = byteLength(chunks)
  if (chunks.length < gatheredChunksMin || bytes > chunks.length * gatheredChunkBytesMax) return chunks
  return [Buffer.concat(chunks, bytes)]
}

/** What is left of `chunks` after their first `bytes`. */
function rest(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let index = 0
  let skip = bytes
  for (; index < chunks.length; index++) {
    const length = chunks[index]?.length ?? 0
    if (skip < length) break
    skip -= length
  }
  const left = chunks.slice(index)
  if (skip > 0 && left[0] !== undefined) left[0] = left[0].subarray(skip)
  return left
}

function byteLength(chunks: readonly Uint8Array[]): number {
  let bytes = 0
  for (const chunk of chunks) bytes += chunk.length
  return bytes
}

class NodeFile implements DiskFile {
  readonly path: DiskPath
  readonly #descriptor: number
  // Asynchronous calls run on a pool of threads, in no order. What changes the file therefore waits for the change before;
  // the usual case, nothing in flight, costs no turn.
  #changes = 0
  #lastChange: Promise<unknown> = Promise.resolve()

  constructor(path: DiskPath, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  async size(): Promise<number> {
    await this.#lastChange
    return this.#attempt('size of', async () => (await fs.fstat(this.#descriptor)).size)
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    if (this.#changes > 0) await this.#lastChange
    let done = 0
    while (done < into.length) {
      const count = await this.#attempt('read', () => this.#readOnce(into, done, at + done))
      if (count === 0) break
      done += count
    }
    return done
  }

  readSync(into: Uint8Array, at: number): number {
    let done = 0
    while (done < into.length) {
      try {
        const count = readSync(this.#descriptor, into, done, into.length - done, at + done)
        if (count === 0) break
        done += count
      } catch (error) {
        if (!isInterrupted(error)) throw diskError('read', this.path, error)
      }
    }
    return done
  }

  write(chunks: readonly Uint8Array[], at: number): Promise<void> {
    return this.#change(async () => {
      let left = gather(chunks)
      for (let position = at; left.length > 0; ) {
        const now = left.length > chunksPerCallMax ? left.slice(0, chunksPerCallMax) : left
        const count = await this.#attempt('write', () => this.#writeOnce(now, position))
        position += count
        left = rest(left, count)
      }
    })
  }

  writeSync(chunks: readonly Uint8Array[], at: number): void {
    assert(this.#changes === 0, 'a synchronous write comes when no other change of the file is in flight')
    let left = gather(chunks)
    for (let position = at; left.length > 0; ) {
      try {
        const now = left.length > chunksPerCallMax ? left.slice(0, chunksPerCallMax) : left
        const count = writevSync(this.#descriptor, now, position)
        if (count === 0 && byteLength(now) > 0) throw new DiskError('EIO', `write ${this.path}: nothing was written`)
        position += count
        left = rest(left, count)
      } catch (error) {
        if (!isInterrupted(error)) throw diskError('write', this.path, error)
      }
    }
  }

  preallocate(bytes: number): Promise<void> {
    return this.#change(async () => {
      const { size } = await this.#attempt('size of', () => fs.fstat(this.#descriptor))
      zeros ??= Buffer.alloc(zeroBytes)
      for (let position = size; position < bytes; ) {
        const piece = zeros.subarray(0, Math.min(zeroBytes, bytes - position))
        const from = position
        position += await this.#attempt('preallocate', () => this.#writeOnce([piece], from))
      }
    })
  }

  truncate(bytes: number): Promise<void> {
    return this.#change(() => this.#attempt('truncate', () => fs.ftruncate(this.#descriptor, bytes)))
  }

  async sync(): Promise<void> {
    if (this.#changes > 0) await this.#lastChange
    // Not `#attempt`: a failed sync is never retried, not even an interrupted one.
    try {
      await fs.fdatasync(this.#descriptor)
    } catch (error) {
      throw diskError('sync', this.path, error)
    }
  }

  async close(): Promise<void> {
    await this.#lastChange
    try {
      // Linux closes the descriptor whatever close answers, so it is not tried again either.
      await fs.close(this.#descriptor)
    } catch (error) {
      throw diskError('close', this.path, error)
    }
  }

  #readOnce(into: Uint8Array, offset: number, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, into, offset, into.length - offset, at, (error, count) =>
        error === null ? resolve(count) : reject(error),
      )
    })
  }

  #writeOnce(chunks: readonly Uint8Array[], at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      writev(this.#descriptor, chunks, at, (error, count) => {
        if (error !== null) reject(error)
        else if (count === 0 && byteLength(chunks) > 0) {
          reject(new DiskError('EIO', `write ${this.path}: nothing was written`))
        } else resolve(count)
      })
    })
  }

  async #attempt<T>(action: string, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (!isInterrupted(error)) throw diskError(action, this.path, error)
      }
    }
  }

  #change(run: () => Promise<void>): Promise<void> {
    const change = this.#changes === 0 ? run() : this.#lastChange.then(run)
    this.#changes += 1
    const settled = () => {
      this.#changes -= 1
    }
    this.#lastChange = change.then(settled, settled)
    return change
  }
}

export class NodeDisk implements Disk {
  readonly #root: string
  /** Folders already seen to be folders and no links; at most one entry a folder of the data folder. */
  readonly #verified = new Set<DiskPath>()
  /** Each has a descriptor of its own, and thousands of logs may ask at once. */
  readonly #folderSyncs = new Permits(folderSyncsAtOnce)

  /** @param root Absolute path of the data folder; it is made by the first `makeDirectory` when it does not exist. */
  constructor(root: string) {
    this.#root = root
  }

  async list(folder: DiskPath): Promise<readonly DiskEntry[]> {
    return this.#attempt('list', folder, async () => {
      this.#verify(folder)
      const entries = await fs.readdir(join(this.#root, folder), { withFileTypes: true })
      const listed: DiskEntry[] = []
      for (const entry of entries) {
        if (entry.isSymbolicLink()) throw symbolicLink(join(this.#root, folder, entry.name))
        // Sockets and the like are other people's: a control socket may live in the data folder.
        if (entry.isDirectory()) listed.push({ name: entry.name, kind: 'directory' })
        else if (entry.isFile()) listed.push({ name: entry.name, kind: 'file' })
      }
      return listed.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    })
  }

  async open(path: DiskPath, mode: OpenMode): Promise<DiskFile> {
    return this.#attempt('open', path, async () => {
      this.#verify(folderOf(path))
      const name = join(this.#root, path)
      try {
        return new NodeFile(path, await fs.open(name, openFlags[mode], 0o600))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ELOOP') throw symbolicLink(name)
        throw error
      }
    })
  }

  async rename(from: DiskPath, to: DiskPath): Promise<void> {
    await this.#attempt('rename', from, async () => {
      this.#verify(folderOf(from))
      this.#verify(folderOf(to))
      this.#forget(from)
      await fs.rename(join(this.#root, from), join(this.#root, to))
    })
  }

  async remove(path: DiskPath): Promise<void> {
    await this.#attempt('remove', path, async () => {
      this.#verify(folderOf(path))
      const name = join(this.#root, path)
      this.#forget(path)
      if (lstatSync(name).isDirectory()) await fs.rmdir(name)
      else await fs.unlink(name)
    })
  }

  async makeDirectory(folder: DiskPath): Promise<void> {
    await this.#attempt('make folder', folder, async () => {
      await fs.mkdir(join(this.#root, folder), { recursive: true, mode: 0o700 })
      this.#verify(folder)
    })
  }

  async syncDirectory(folder: DiskPath): Promise<void> {
    await this.#folderSyncs.run(() =>
      this.#attempt('sync folder', folder, async () => {
        this.#verify(folder)
        const descriptor = await fs.open(join(this.#root, folder), constants.O_RDONLY | constants.O_DIRECTORY)
        try {
          await fs.fsync(descriptor)
        } finally {
          await fs.close(descriptor)
        }
      }),
    )
  }

  async space(): Promise<DiskSpace> {
    return this.#attempt('space of', '', async () => {
      const { bavail, blocks, bsize } = await fs.statfs(this.#root)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    })
  }

  async lock(): Promise<() => Promise<void>> {
    await this.makeDirectory('')
    return takeFolderLock(this.#root)
  }

  async #attempt<T>(action: string, path: DiskPath, run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (error instanceof EhubError) throw error
      throw diskError(action, path === '' ? this.#root : path, error)
    }
  }

  /** A folder of ours, and every one above it, must be a folder and no link. The data folder itself may be reached by one. */
  #verify(folder: DiskPath): void {
    if (folder === '' || this.#verified.has(folder)) return
    this.#verify(folderOf(folder))
    const name = join(this.#root, folder)
    const status = lstatSync(name)
    if (status.isSymbolicLink()) throw symbolicLink(name)
    if (!status.isDirectory()) throw new DiskError('ENOTDIR', `${name} is not a folder`)
    this.#verified.add(folder)
  }

  #forget(path: DiskPath): void {
    for (const folder of this.#verified) {
      if (folder === path || folder.startsWith(`${path}/`)) this.#verified.delete(folder)
    }
  }
}

function folderOf(path: DiskPath): DiskPath {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

function symbolicLink(name: string): EhubError {
  return new EhubError('data-folder-unusable', `${name} is a symbolic link, which a data folder must not hold`, {
    hint: 'Put the real folder or file in its place; to keep data elsewhere, point --data-dir at that place.',
  })
}
