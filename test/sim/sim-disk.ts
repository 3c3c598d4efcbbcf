// A disk in memory that keeps the promises of `Disk` and no others: what was written and what is durable are apart,
// names are forgotten without `syncDirectory`, any operation may fail, and `crash` leaves what the chosen outcome says.
//
// Works like the real one behind promises: an operation takes effect when the scheduler completes it. `writeSync` and
// `readSync` take effect at once, also before asynchronous operations on the same file that are still waiting.

import { EhubError } from '../../src/base/error.ts'
import {
  type Disk,
  type DiskEntry,
  DiskError,
  type DiskFile,
  type DiskPath,
  type DiskSpace,
  type OpenMode,
} from '../../src/daemon/storage/disk.ts'
import { type Fault, type FaultPlan, noFaults, type OperationKind } from './faults.ts'
import { type Lane, Scheduler } from './scheduler.ts'
import type { SimClock } from './sim-clock.ts'
import { type DataOutcome, SimFileNode } from './sim-file.ts'
import { type DiskAccess, SimFile } from './sim-handle.ts'
import { SimFolder, SimNames, type NamesOutcome } from './sim-names.ts'
import { SimRandom } from './sim-random.ts'

export interface SimDiskOptions {
  readonly scheduler?: Scheduler
  /** Decides torn sectors and what a failed sync leaves. */
  readonly random?: SimRandom
  /** Needed for faults of kind `delay`. */
  readonly clock?: SimClock
  readonly faults?: FaultPlan
  readonly capacityBytes?: number
  readonly openFilesMax?: number
}

/** What a crash leaves of what was not synced. The seven of reliability §2. */
export const crashOutcomes = [
  'all-lost',
  'all-kept',
  'random-sectors',
  'in-order',
  'zero-content',
  'names-lost',
  'names-without-content',
] as const
export type CrashOutcome = (typeof crashOutcomes)[number]

const outcomeParts: Record<CrashOutcome, [data: DataOutcome['kind'], names: NamesOutcome['kind']]> = {
  'all-lost': ['lost', 'lost'],
  'all-kept': ['kept', 'kept'],
  'random-sectors': ['random', 'random'],
  'in-order': ['ordered', 'ordered'],
  'zero-content': ['zeros', 'kept'],
  'names-lost': ['kept', 'lost'],
  'names-without-content': ['lost', 'kept'],
}

export class SimDisk implements Disk {
  readonly scheduler: Scheduler
  faults: FaultPlan
  /** The disk stops, as at a power cut, when `operationCount` of its operations took effect: nothing later completes. */
  stopAfter = Infinity
  /** Called once when it stops. */
  onStop: () => void = () => undefined
  readonly #random: SimRandom
  readonly #clock: SimClock | null
  readonly #options: SimDiskOptions
  readonly #names: SimNames
  #nextId = 1
  #operationCount = 0
  #traceHash = 0x811c9dc5
  #usedBytes = 0
  #isLocked = false
  #openFiles = 0

  constructor(options: SimDiskOptions = {}, names: SimNames = new SimNames(new SimFolder(0)), operationCount = 0) {
    this.#options = options
    this.#random = options.random ?? new SimRandom(0)
    this.scheduler = options.scheduler ?? new Scheduler(this.#random.split('scheduler'))
    this.#clock = options.clock ?? null
    this.faults = options.faults ?? noFaults
    this.#names = names
    this.#operationCount = operationCount
    this.#forEachFile(names.root, '', (_path, node) => {
      this.#nextId = Math.max(this.#nextId, node.id + 1)
      this.#usedBytes += node.size
    })
  }

  /** A disk that holds exactly these files, durably. */
  static of(files: ReadonlyMap<DiskPath, Uint8Array>, options: SimDiskOptions = {}): SimDisk {
    const root = new SimFolder(0)
    let nextId = 1
    for (const [path, bytes] of files) {
      let folder = root
      const parts = path.split('/')
      for (const name of parts.slice(0, -1)) {
        const child = folder.names.get(name) ?? new SimFolder(nextId++)
        folder.names.set(name, child)
        folder.durable.set(name, child)
        folder = child as SimFolder
      }
      const node = SimFileNode.durable(nextId++, Buffer.from(bytes))
      folder.names.set(parts.at(-1)!, node)
      folder.durable.set(parts.at(-1)!, node)
    }
    return new SimDisk(options, new SimNames(root))
  }

  // ------------------------------------------------------------ what tests look at

  /** Operations begun so far, synchronous ones included. */
  get operationCount(): number {
    return this.#operationCount
  }

  /** FNV-1a over every operation in order of effect: kind, file, place, length. Equal for equal runs. */
  get traceHash(): number {
    return this.#traceHash >>> 0
  }

  get openFiles(): number {
    return this.#openFiles
  }

  get isStopped(): boolean {
    return this.scheduler.isStopped
  }

  /** Contents by path as programs see them now. The buffers are copies. */
  files(): Map<DiskPath, Buffer> {
    const files = new Map<DiskPath, Buffer>()
    this.#forEachFile(this.#names.root, '', (path, node) => files.set(path, Buffer.from(node.bytes)))
    return files
  }

  /** Changes a file behind everybody's back, as a failing medium does. */
  corrupt(path: DiskPath, change: (bytes: Buffer) => Uint8Array | undefined): void {
    const node = this.#names.find(path)
    if (!(node instanceof SimFileNode)) throw new DiskError('ENOENT', `no file ${path}`)
    const bytes = Buffer.from(node.bytes)
    node.overwrite(change(bytes) ?? bytes)
  }

  /** Adds what an observer did (an acknowledgement, a read) to the trace. */
  trace(a: number, b: number): void {
    this.#traceHash = Math.imul(this.#traceHash ^ (a | 0), 0x01000193)
    this.#traceHash = Math.imul(this.#traceHash ^ (b | 0), 0x01000193)
  }

  /** Power cut: nothing completes any more. */
  stop(): void {
    if (this.scheduler.isStopped) return
    this.scheduler.stop()
    this.#clock?.dropTimers()
    this.onStop()
  }

  /**
   * Power cut and power up: a disk as this outcome leaves it. This one is dead afterwards.
   * @param options Of the new disk.
   * @param keptFraction For `in-order`: 0..1 of the un-synced changes, from the first, are kept.
   */
  crash(outcome: CrashOutcome, options: SimDiskOptions = {}, keptFraction = 0.5): SimDisk {
    this.stop()
    const [data, names] = outcomeParts[outcome]
    const orders = this.#pendingOrders()
    const keptBelow = orders[Math.floor(keptFraction * orders.length)] ?? Infinity
    const random = this.#random
    const root = this.#names.crashed({ kind: names, keptBelow, random }, (node) =>
      SimFileNode.durable(node.id, node.crashed({ kind: data, keptBelow, random })),
    )
    return new SimDisk({ random: random.split('crash'), ...options }, new SimNames(root))
  }

  /** The process is killed and the machine goes on: the page cache is as it was. This disk is dead afterwards. */
  kill(options: SimDiskOptions = {}): SimDisk {
    this.stop()
    this.#forEachFile(this.#names.root, '', (_path, node) => node.dropWaiting())
    return new SimDisk({ random: this.#random.split('kill'), ...options }, this.#names, this.#operationCount)
  }

  // ------------------------------------------------------------ Disk

  list(folder: DiskPath): Promise<readonly DiskEntry[]> {
    return this.#run('list', folder, null, () =>
      [...this.#names.folder(folder).names]
        .map(([name, node]): DiskEntry => ({ name, kind: node instanceof SimFolder ? 'directory' : 'file' }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    )
  }

  open(path: DiskPath, mode: OpenMode): Promise<DiskFile> {
    return this.#run(mode === 'create' ? 'create' : 'open', path, null, (order) => {
      let node = this.#names.find(path)
      if (mode === 'create') {
        if (node !== null) throw new DiskError('EEXIST', `${path} exists`)
        node = new SimFileNode(this.#nextId++)
        this.#names.add(path, node, order)
      }
      if (node === null) throw new DiskError('ENOENT', `no file ${path}`)
      if (node instanceof SimFolder) throw new DiskError('EISDIR', `${path} is a folder`)
      if (this.#openFiles >= (this.#options.openFilesMax ?? Infinity))
        throw new DiskError('EMFILE', `${path}: too many open files`)
      this.#openFiles++
      return new SimFile(this.#access, node, path, mode)
    })
  }

  rename(from: DiskPath, to: DiskPath): Promise<void> {
    return this.#run('rename', from, null, (order) => {
      const replaced = this.#names.find(to)
      this.#names.rename(from, to, order)
      if (replaced instanceof SimFileNode && replaced !== this.#names.find(from)) this.#usedBytes -= replaced.size
    })
  }

  remove(path: DiskPath): Promise<void> {
    return this.#run('remove', path, null, (order) => {
      const node = this.#names.find(path)
      this.#names.remove(path, order)
      if (node instanceof SimFileNode) this.#usedBytes -= node.size
    })
  }

  makeDirectory(folder: DiskPath): Promise<void> {
    return this.#run('makeDirectory', folder, null, (order) => {
      const parts = folder === '' ? [] : folder.split('/')
      for (let depth = 1; depth <= parts.length; depth++) {
        const path = parts.slice(0, depth).join('/')
        const node = this.#names.find(path)
        if (node === null) this.#names.add(path, new SimFolder(this.#nextId++), order)
        else if (!(node instanceof SimFolder)) throw new DiskError('EEXIST', `${path} is a file`)
      }
    })
  }

  syncDirectory(folder: DiskPath): Promise<void> {
    return this.#run('syncDirectory', folder, null, () => {
      this.#names.sync(folder)
    })
  }

  space(): Promise<DiskSpace> {
    return this.#run('space', '', null, () => {
      const totalBytes = this.#options.capacityBytes ?? 2 ** 40
      return { freeBytes: Math.max(0, totalBytes - this.#usedBytes), totalBytes }
    })
  }

  lock(): Promise<() => Promise<void>> {
    if (this.#isLocked)
      return Promise.reject(new EhubError('data-folder-locked', 'the data folder is used by a simulation'))
    this.#isLocked = true
    return Promise.resolve(() => {
      this.#isLocked = false
      return Promise.resolve()
    })
  }

  // ------------------------------------------------------------ inside

  /** What an open file needs of its disk. */
  readonly #access: DiskAccess = {
    run: (kind, path, lane, effect, failed) => this.#run(kind, path, lane, effect, failed),
    runSync: (kind, path, effect, failed) => this.#runSync(kind, path, effect, failed),
    grow: (bytes) => {
      if (this.#usedBytes + bytes > (this.#options.capacityBytes ?? Infinity))
        throw new DiskError('ENOSPC', 'no space left')
      this.#usedBytes += bytes
    },
    room: () => Math.max(0, (this.#options.capacityBytes ?? Infinity) - this.#usedBytes),
    closed: () => {
      this.#openFiles--
    },
    trace: (a, b) => this.trace(a, b),
    isStopped: () => this.scheduler.isStopped,
    random: () => this.#random,
  }

  #begin(kind: OperationKind, path: DiskPath): [order: number, fault: Fault | null] {
    const order = this.#operationCount++
    return [order, this.faults({ index: order, kind, path })]
  }

  #run<T>(
    kind: OperationKind,
    path: DiskPath,
    lane: Lane | null,
    effect: (order: number) => T,
    failed: (order: number, fault: Fault) => void = () => undefined,
  ): Promise<T> {
    if (this.scheduler.isStopped) return new Promise(() => undefined)
    const [order, fault] = this.#begin(kind, path)
    return new Promise((resolve, reject) => {
      const complete = () => {
        try {
          this.trace(kind.length + kind.charCodeAt(0), order)
          if (fault !== null && fault.kind !== 'delay') {
            failed(order, fault)
            reject(new DiskError(fault.code, `${kind} ${path}: ${fault.code} (injected at operation ${order})`))
          } else {
            resolve(effect(order))
          }
        } catch (error) {
          reject(error)
        }
        this.#stopAt(order)
      }
      if (fault?.kind === 'delay' && this.#clock !== null) {
        this.#clock.schedule(fault.ms, () => this.scheduler.submit(lane, complete))
      } else {
        this.scheduler.submit(lane, complete)
      }
    })
  }

  #runSync<T>(
    kind: OperationKind,
    path: DiskPath,
    effect: (order: number) => T,
    failed: (order: number, fault: Fault) => void,
  ): T {
    if (this.scheduler.isStopped) return effect(this.#operationCount)
    const [order, fault] = this.#begin(kind, path)
    this.trace(kind.length + kind.charCodeAt(0), order)
    try {
      if (fault !== null && fault.kind !== 'delay') {
        failed(order, fault)
        throw new DiskError(fault.code, `${kind} ${path}: ${fault.code} (injected at operation ${order})`)
      }
      return effect(order)
    } finally {
      this.#stopAt(order)
    }
  }

  #pendingOrders(): number[] {
    const orders = this.#names.pendingOrders()
    this.#forEachFile(this.#names.root, '', (_path, node) => orders.push(...node.pendingOrders()))
    return orders.sort((a, b) => a - b)
  }

  #stopAt(order: number): void {
    if (order + 1 >= this.stopAfter) this.stop()
  }

  #forEachFile(folder: SimFolder, prefix: string, visit: (path: DiskPath, node: SimFileNode) => void): void {
    for (const [name, node] of folder.names) {
      const path = prefix === '' ? name : `${prefix}/${name}`
      if (node instanceof SimFolder) this.#forEachFile(node, path, visit)
      else visit(path, node)
    }
  }
}
