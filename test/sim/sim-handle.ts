// An open file of a simulated disk: checks, faults and the room on the disk; the bytes are `SimFileNode`'s.

import { assert } from '../../src/base/assert.ts'
import { DiskError, type DiskFile, type DiskPath, type OpenMode } from '../../src/daemon/storage/disk.ts'
import type { Fault, OperationKind } from './faults.ts'
import type { Lane } from './scheduler.ts'
import type { SimFileNode } from './sim-file.ts'
import type { SimRandom } from './sim-random.ts'

/** What an open file needs of its disk. */
export interface DiskAccess {
  run<T>(
    kind: OperationKind,
    path: DiskPath,
    lane: Lane | null,
    effect: (order: number) => T,
    failed?: (order: number, fault: Fault) => void,
  ): Promise<T>
  runSync<T>(
    kind: OperationKind,
    path: DiskPath,
    effect: (order: number) => T,
    failed: (order: number, fault: Fault) => void,
  ): T
  /** @throws DiskError ENOSPC. */
  grow(bytes: number): void
  room(): number
  closed(): void
  trace(a: number, b: number): void
  isStopped(): boolean
  random(): SimRandom
}

export class SimFile implements DiskFile {
  readonly path: DiskPath
  readonly #disk: DiskAccess
  readonly #node: SimFileNode
  readonly #mode: OpenMode
  #isClosed = false
  /** Asynchronous changes in flight. */
  #changes = 0

  constructor(disk: DiskAccess, node: SimFileNode, path: DiskPath, mode: OpenMode) {
    this.#disk = disk
    this.#node = node
    this.path = path
    this.#mode = mode
  }

  size(): Promise<number> {
    return this.#run('size', () => this.#node.size)
  }

  read(into: Uint8Array, at: number): Promise<number> {
    return this.#run(
      'read',
      () => this.#node.read(into, at),
      (_order, fault) => this.#failedRead(into, at, fault),
    )
  }

  readSync(into: Uint8Array, at: number): number {
    this.#checkOpen()
    return this.#disk.runSync(
      'read',
      this.path,
      () => this.#node.read(into, at),
      (_order, fault) => this.#failedRead(into, at, fault),
    )
  }

  write(chunks: readonly Uint8Array[], at: number): Promise<void> {
    // The caller leaves the chunks unchanged until it resolves: the bytes are taken when the write takes effect.
    return this.#run(
      'write',
      (order) => this.#write(chunks, at, order),
      (order, fault) => this.#failedWrite(chunks, at, order, fault),
    )
  }

  writeSync(chunks: readonly Uint8Array[], at: number): void {
    this.#checkOpen()
    // As the real disk: its asynchronous changes run on other threads.
    assert(this.#changes === 0, 'a synchronous write comes when no other change of the file is in flight')
    this.#disk.runSync(
      'write',
      this.path,
      (order) => this.#write(chunks, at, order),
      (order, fault) => this.#failedWrite(chunks, at, order, fault),
    )
  }

  preallocate(bytes: number): Promise<void> {
    return this.#run('preallocate', (order) => {
      this.#checkWritable()
      if (bytes <= this.#node.size) return
      this.#disk.grow(bytes - this.#node.size)
      this.#node.truncate(bytes, order)
    })
  }

  truncate(bytes: number): Promise<void> {
    return this.#run('truncate', (order) => {
      this.#checkWritable()
      this.#disk.grow(bytes - this.#node.size)
      this.#node.truncate(bytes, order)
    })
  }

  sync(): Promise<void> {
    return this.#run(
      'sync',
      (order) => this.#node.sync(order),
      () => this.#node.dropPages(this.#disk.random()),
    )
  }

  close(): Promise<void> {
    return this.#run(
      'close',
      () => {
        this.#isClosed = true
        this.#disk.closed()
      },
      () => {
        // Linux closes the descriptor whatever close answers.
        this.#isClosed = true
        this.#disk.closed()
      },
    )
  }

  #run<T>(
    kind: OperationKind,
    effect: (order: number) => T,
    failed: (order: number, fault: Fault) => void = () => undefined,
  ): Promise<T> {
    const isChange = kind === 'write' || kind === 'preallocate' || kind === 'truncate'
    if (isChange) this.#changes++
    return this.#disk.run(
      kind,
      this.path,
      this.#node.lane,
      (order) => {
        if (isChange) this.#changes--
        this.#checkOpen()
        return effect(order)
      },
      (order, fault) => {
        if (isChange) this.#changes--
        failed(order, fault)
      },
    )
  }

  #write(chunks: readonly Uint8Array[], at: number, order: number): void {
    this.#checkWritable()
    if (this.#disk.isStopped()) return
    let length = 0
    for (const chunk of chunks) length += chunk.length
    this.#disk.trace(at, length)
    const growth = at + length - this.#node.size
    if (growth > this.#disk.room()) {
      // As the kernel does it: a short write first, the error when the rest is tried.
      this.#writePart(chunks, at, Math.max(0, length - (growth - this.#disk.room())), order)
      throw new DiskError('ENOSPC', `write ${this.path}: no space left`)
    }
    if (growth > 0) this.#disk.grow(growth)
    this.#node.write(chunks, at, order)
  }

  #failedRead(into: Uint8Array, at: number, fault: Fault): void {
    if (fault.kind === 'partial') this.#node.read(into.subarray(0, into.length >> 1), at)
  }

  #failedWrite(chunks: readonly Uint8Array[], at: number, order: number, fault: Fault): void {
    if (fault.kind !== 'partial') return
    let length = 0
    for (const chunk of chunks) length += chunk.length
    this.#writePart(chunks, at, this.#disk.random().below(length + 1), order)
  }

  #writePart(chunks: readonly Uint8Array[], at: number, length: number, order: number): void {
    if (length === 0) return
    const growth = at + length - this.#node.size
    if (growth > 0) this.#disk.grow(growth)
    this.#node.write([Buffer.concat(chunks).subarray(0, length)], at, order)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new DiskError('EBADF', `${this.path} is closed`)
  }

  #checkWritable(): void {
    if (this.#mode === 'read') throw new DiskError('EBADF', `${this.path} is open for reading`)
  }
}
