// Refuses appends before the disk is full (promise P9). Looks at the free space after so many bytes and now and then; below
// the low-water mark appends are refused with `disk-full`, above the high-water mark they are taken again by themselves.
// Groups of the broker's own, whose names begin with `$`, go on as long as the journal finds room: checkpoints and commands
// must keep working. Below everything lies a reserve, a file whose blocks exist and which is removed when what must go on
// finds none, beside the blocks that the journal keeps for it.

import type { Clock, Timer } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { type Disk, DiskError } from './disk.ts'
import { reservePath } from './paths.ts'
import { isNoSpace } from './storage-errors.ts'
import type { LogId, SpaceMarks } from './storage-engine.ts'

export interface SpaceLimits {
  /** Free bytes below which appends are refused; null: 2 % of the file system, at least 4 MiB (or a quarter of it) and at most 256 MiB. */
  readonly lowWaterBytes: number | null
  /** Size of the reserve; null: an eighth of the low-water mark, at most 16 MiB. */
  readonly reserveBytes: number | null
}

// How often the free space is looked at: the marks are far above what can be written in between.
const checkIntervalMs = 1000
const checkBytesMin = 64 * 1024
const checkBytesMax = 16 * 1024 * 1024
// At once by one file.
const stepBytesMax = 4 * 1024 * 1024
const lowWaterShare = 50
// Some of the largest appends.
const lowWaterBytesMin = 4 * 1024 * 1024
const smallestShare = 4
const lowWaterBytesMax = 256 * 1024 * 1024
const reserveBytesMax = 16 * 1024 * 1024
// Taken again only with some way to go, or every other append would be refused.
const highWaterFactor = 1.25
// Into the journal and into a segment.
const writtenTimes = 2

/** Whether a log must go on when the disk is full: the broker's own. */
export function isEssential({ group }: LogId): boolean {
  return group.startsWith('$')
}

export class SpaceGuard {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Log
  readonly #limits: SpaceLimits
  readonly #onRoom: () => void
  #lowWaterBytes = 0
  #reserveBytes = 0
  #hasReserve = false
  #freeBytes = Infinity
  #isRefusing = false
  /** Why, when it was a write that failed for another want than free blocks. */
  #limit: string | null = null
  /** What must go on found no room either. */
  #isSpent = false
  #checkBytes = checkBytesMax
  #bytesSinceCheck = 0
  /** Of the time before the last look: it may not have been in the files yet. */
  #bytesBeforeCheck = 0
  #checkedAtMs = 0
  #checking: Promise<void> | null = null
  #timer: Timer | null = null
  #isClosed = false

  /** @param onRoom Called when appends are taken again. */
  constructor(
    parts: { readonly disk: Disk; readonly clock: Clock; readonly log: Log },
    limits: SpaceLimits,
    onRoom: () => void = () => undefined,
  ) {
    this.#onRoom = onRoom
    this.#disk = parts.disk
    this.#clock = parts.clock
    this.#log = parts.log
    this.#limits = limits
  }

  /** Free bytes above which appends are taken. */
  get lowWaterBytes(): number {
    return this.#lowWaterBytes
  }

  /** How many bytes a file may be extended by at once, so that no mark is jumped over. */
  get stepBytes(): number {
    if (this.#lowWaterBytes === 0) return stepBytesMax
    return Math.min(stepBytesMax, Math.max(checkBytesMin, this.#lowWaterBytes >> 3))
  }

  get marks(): SpaceMarks {
    const reserveBytes = this.#hasReserve ? this.#reserveBytes : 0
    return { freeBytes: this.#freeBytes, lowWaterBytes: this.#lowWaterBytes, reserveBytes }
  }

  /** Why appends are refused at present, null when they are not. */
  get refusing(): string | null {
    if (!this.#isRefusing) return null
    if (this.#limit !== null) return this.#limit
    return `the disk has ${this.#freeBytes} bytes free, below the low-water mark of ${this.#lowWaterBytes}`
  }

  /** @throws DiskError */
  async open(): Promise<void> {
    const { freeBytes, totalBytes } = await this.#disk.space()
    const { lowWaterBytes, reserveBytes } = this.#limits
    this.#lowWaterBytes = lowWaterBytes ?? lowWaterOf(totalBytes)
    this.#checkBytes = Math.min(checkBytesMax, Math.max(checkBytesMin, this.#lowWaterBytes >> 3))
    this.#reserveBytes = reserveBytes ?? Math.min(reserveBytesMax, this.#lowWaterBytes >> 3)
    this.#hasReserve = (await this.#disk.list('')).some(({ name }) => name === reservePath)
    this.#judge(freeBytes)
  }

  /** As `LogHost.refusal`. */
  refusal(id: LogId, bytes: number, isWaiting: boolean): EhubError | null {
    if (isEssential(id)) return this.#isRefusing && (isWaiting || this.#isSpent) ? this.#error() : null
    return this.#isRefusing || this.#isTooMuch(bytes) ? this.#error() : null
  }

  /** As `LogHost.upkeepRefusal`. */
  upkeepRefusal(): EhubError | null {
    return this.#isRefusing && this.#freeBytes <= this.#lowWaterBytes / 4 ? this.#error() : null
  }

  #error(): EhubError {
    const message = this.refusing ?? `the disk has ${this.#freeBytes} bytes free, too few for what is on its way`
    return new EhubError('disk-full', message, {
      hint:
        this.#limit === null
          ? 'Free space on the file system of the data folder, or shorten retention; publishing resumes by itself.'
          : 'Raise that limit, or shorten retention; publishing resumes by itself.',
      retryAfterMs: checkIntervalMs,
    })
  }

  /** Whether what was taken since the last looks, and this, would leave less than half the mark; then looks again. */
  #isTooMuch(bytes: number): boolean {
    if (this.#lowWaterBytes === 0) return false
    const taken = writtenTimes * (this.#bytesBeforeCheck + this.#bytesSinceCheck + bytes)
    const isTooMuch = this.#freeBytes - taken < this.#lowWaterBytes / 2
    if (isTooMuch) void this.check()
    return isTooMuch
  }

  /** So many bytes were taken, to be written. */
  wrote(bytes: number): void {
    this.#bytesSinceCheck += bytes
    const isDue =
      this.#bytesSinceCheck >= this.#checkBytes || this.#clock.monotonicMs() - this.#checkedAtMs >= checkIntervalMs
    if (isDue && this.#lowWaterBytes > 0) void this.check()
  }

  /** A write failed for want of space, whatever the free space seems to be: refuse until a look says otherwise. */
  noSpace(error: unknown): void {
    this.#limit = limitOf(error)
    if (!this.#isRefusing) this.#log.warn('the disk is full, appends are refused', { reason: String(error) })
    this.#isRefusing = true
    // A limit says nothing of the disk.
    if (this.#limit === null) this.#freeBytes = 0
    this.#checkLater()
  }

  /** Gives the reserve up so that what must go on can; resolves to whether there was one. */
  async release(cause: unknown): Promise<boolean> {
    this.noSpace(cause)
    if (!this.#hasReserve) {
      this.#isSpent = true
      return false
    }
    this.#hasReserve = false
    try {
      await this.#disk.remove(reservePath)
      return true
    } catch (error) {
      if (error instanceof DiskError) return false
      throw error
    }
  }

  /** Looks at the free space; at most one look at a time. Never rejects. */
  check(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#checking ??= this.#check().finally(() => {
      this.#checking = null
    })
    return this.#checking
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#checking
  }

  async #check(): Promise<void> {
    this.#bytesBeforeCheck = this.#bytesSinceCheck
    this.#bytesSinceCheck = 0
    this.#checkedAtMs = this.#clock.monotonicMs()
    try {
      this.#judge((await this.#disk.space()).freeBytes)
      if (!this.#isRefusing && !this.#hasReserve && this.#reserveBytes > 0) await this.#makeReserve()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      if (isNoSpace(error)) this.noSpace(error)
      else this.#log.warn('the free space cannot be read', { reason: error.message })
    }
  }

  #judge(freeBytes: number): void {
    this.#freeBytes = freeBytes
    this.#limit = null
    if (freeBytes > this.#lowWaterBytes / 4) this.#isSpent = false
    const mark = this.#isRefusing ? this.#lowWaterBytes * highWaterFactor : this.#lowWaterBytes
    const isRefusing = freeBytes < mark
    if (isRefusing !== this.#isRefusing) {
      const fields = { freeBytes, lowWaterBytes: this.#lowWaterBytes }
      if (isRefusing) this.#log.warn('the disk is nearly full, appends are refused', fields)
      else this.#log.info('there is space again, appends are taken', fields)
    }
    const hasRoomAgain = this.#isRefusing && !isRefusing
    this.#isRefusing = isRefusing
    if (hasRoomAgain) this.#onRoom()
    if (isRefusing) this.#checkLater()
  }

  #checkLater(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timer = this.#clock.schedule(checkIntervalMs, () => void this.check())
  }

  async #makeReserve(): Promise<void> {
    const file = await this.#disk.open(reservePath, 'create')
    this.#hasReserve = true
    try {
      await file.preallocate(this.#reserveBytes)
    } finally {
      await file.close()
    }
  }
}

function lowWaterOf(totalBytes: number): number {
  const least = Math.min(lowWaterBytesMin, Math.floor(totalBytes / smallestShare))
  return Math.max(least, Math.min(lowWaterBytesMax, Math.floor(totalBytes / lowWaterShare)))
}

/** What a write ran into that is not the end of the disk, in words; null when it was. */
function limitOf(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof DiskError)) continue
    if (cause.systemCode === 'EFBIG')
      return 'a file has the largest size that the system allows (EFBIG: ulimit -f, or the file system)'
    if (cause.systemCode === 'EDQUOT') return 'the quota of the disk is used up (EDQUOT)'
  }
  return null
}
