// All file access of the log goes through these two interfaces (reliability rule 1). Production passes `NodeDisk`
// (`node-disk.ts`), tests pass `SimDisk`. Core code may not import `node:fs`.
//
// Promises of an implementation: operations on one file are applied in the order they were called; data is durable only
// after `sync` resolved, a name only after `syncDirectory` of its folder resolved; short reads and writes are looped
// inside, a read that ends early means the end of the file. Errors are `DiskError`s with the system's code.

/** `/`-separated, relative to the data folder, without `.` or `..`; '' is the data folder itself. */
export type DiskPath = string

export class DiskError extends Error {
  override readonly name = 'DiskError'
  /** The system's code: ENOENT, EEXIST, ENOSPC, EIO, EMFILE, EFBIG, EACCES, EROFS … */
  readonly systemCode: string

  constructor(systemCode: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.systemCode = systemCode
  }
}

export interface DiskEntry {
  readonly name: string
  readonly kind: 'file' | 'directory'
}

export type OpenMode =
  /** Must exist; reads only. */
  | 'read'
  /** Must exist; reads and writes. */
  | 'write'
  /** Must not exist; made empty, reads and writes. */
  | 'create'

export interface DiskFile {
  readonly path: DiskPath
  /** Bytes, as of the last operation on this handle. */
  size(): Promise<number>
  /** Fills `into` from byte `at`; resolves to the bytes read, less than asked only at the end of the file. */
  read(into: Uint8Array, at: number): Promise<number>
  /** As `read`, on the calling thread: for up to 64 KiB expected in the page cache, where a thread hand-off costs more. */
  readSync(into: Uint8Array, at: number): number
  /** Writes all of `chunks` one after the other from byte `at`. The caller leaves them unchanged until it resolves. */
  write(chunks: readonly Uint8Array[], at: number): Promise<void>
  /** As `write`, on the calling thread: for up to 64 KiB into the page cache. */
  writeSync(chunks: readonly Uint8Array[], at: number): void
  /** Reserves space so that later writes up to `bytes` do not grow the file: writes zeros beyond the present size. */
  preallocate(bytes: number): Promise<void>
  truncate(bytes: number): Promise<void>
  /** fdatasync. A failed sync is never retried: the kernel may have dropped the pages (reliability §2 rule 7). */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface DiskSpace {
  /** Bytes this process may still write, and the size of the file system. */
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface Disk {
  /** Entries in code-unit order; `ENOENT` when the folder does not exist. */
  list(folder: DiskPath): Promise<readonly DiskEntry[]>
  open(path: DiskPath, mode: OpenMode): Promise<DiskFile>
  /** Replaces `to` atomically when it exists. Durable after `syncDirectory` of both folders. */
  rename(from: DiskPath, to: DiskPath): Promise<void>
  /** Removes a file or an empty folder. */
  remove(path: DiskPath): Promise<void>
  /** Makes the folder and its missing parents, mode 0700; an existing one is fine. */
  makeDirectory(folder: DiskPath): Promise<void>
  syncDirectory(folder: DiskPath): Promise<void>
  space(): Promise<DiskSpace>
  /**
   * Takes the data folder for this process; resolves to the release function.
   * @throws EhubError `data-folder-locked` naming the process that holds it.
   */
  lock(): Promise<() => Promise<void>>
}
