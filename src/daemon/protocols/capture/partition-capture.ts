// Captures one partition: follows its log and turns windows into files. Called from time to time with `run`; between two calls it
// holds no memory but its position, since it reads only when a chunk is worth it or a window is over.
//
//   window open: read → blocks → append (nobody sees it) … window over: note the cut → finish (seen, durable) → note the progress
//
// A window is [windowStartMs, + interval): an event belongs to it by its enqueued time, so a file has the name it would have had
// in time also when it is written after an outage. The cut is durable before the file is seen: after a crash the same events go
// into the same name, byte for byte. docs/FORMAT.md, "Capture", has every step.

import { type Clock, delay } from '../../../base/clock.ts'
import { isEhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import { type CodecName, loadCodec } from '../../../wire/capture/avro-codec.ts'
import { captureFileHeader, emptyCaptureFile } from '../../../wire/capture/avro-file.ts'
import { type NameFormat, parseNameFormat } from '../../../wire/capture/file-name.ts'
import type { CaptureEncoding } from '../../broker/capture-settings.ts'
import type { CaptureProgress } from '../../broker/capture-state.ts'
import type { CapturedHub, Captures, CaptureSource } from '../../broker/captures-api.ts'
import { type Destination, DestinationFailure } from './destination.ts'
import { type BlockPool, blockBytesMax, type EventBlocks } from './event-blocks.ts'
import { GrowingFile, syncMarker } from './growing-file.ts'
import { LogWalker, type Stop } from './log-walker.ts'
import { nextWindowStart, windowOf } from './windows.ts'

const codecs = {
  avro: 'null',
  'avro-deflate': 'deflate',
  'avro-snappy': 'snappy',
} as const satisfies Record<CaptureEncoding, CodecName>

/** Chunks written in one call of `run`: others get their turn. */
const chunksInRun = 32

export interface PartitionInput {
  readonly hub: CapturedHub
  readonly partition: number
  readonly captures: Captures
  readonly source: CaptureSource
  readonly destination: Destination
  readonly pool: BlockPool
  /** What windows go by. */
  readonly clock: Clock
  readonly machineClock: Clock
  readonly log: Log
  /** Whether the hub has had an event since it is captured: only then empty windows leave files. */
  readonly hasBegun: () => boolean
}

export class PartitionCapture {
  readonly #input: PartitionInput
  readonly #format: NameFormat
  readonly #walker: LogWalker
  #progress: CaptureProgress
  /** Runs ahead of the durable one over windows without files. */
  #windowStartMs: number
  #file: GrowingFile | null = null
  /** Log bytes wanted before the next look: grows while they do not make a whole block. */
  #wantedBytes: number
  #isFlushing = false

  constructor(input: PartitionInput) {
    this.#input = input
    this.#format = parseNameFormat(input.hub.nameFormat)
    this.#walker = new LogWalker(input.source, input.machineClock)
    this.#progress = input.captures.progress(input.hub, input.partition)
    // A partition that was added later has had no window yet.
    this.#windowStartMs = this.#progress.windowStartMs === 0 ? input.clock.now() : this.#progress.windowStartMs
    this.#wantedBytes = input.destination.chunkBytes
  }

  /** When the window that is open is over, Unix milliseconds. */
  get windowEndMs(): number {
    return this.#windowStartMs + this.#input.hub.intervalMs
  }

  get windowStartMs(): number {
    return this.#windowStartMs
  }

  /** Asked to close the open window too; false again when that is done. */
  get isFlushing(): boolean {
    return this.#isFlushing
  }

  /** Has the next `run` close the open window too, if it has events. */
  flush(): void {
    this.#isFlushing = true
  }

  /** Something is to be done now. */
  isDue(nowMs: number): boolean {
    if (this.#isFlushing || this.#progress.cutSequence !== null || nowMs >= this.windowEndMs) return true
    return (
      this.#walker.bytesFrom(this.#position) >= this.#wantedBytes || this.#input.source.start.sequence > this.#position
    )
  }

  /**
   * Does what is due. @returns Whether there is more to do at once.
   * @throws DestinationFailure: the next call begins the file anew. EhubError of the broker: hub deleted, Capture off, closing.
   */
  async run(): Promise<boolean> {
    const blocks = this.#input.pool.take()
    try {
      for (let chunks = 0; chunks < chunksInRun; chunks += 1) {
        // Asked for in the middle of a step, it is for the next one.
        const isFlush = this.#isFlushing
        if (!(await this.#step(blocks, isFlush))) {
          if (isFlush) this.#isFlushing = false
          return false
        }
        // Ingest gets the loop between two chunks.
        await delay(this.#input.machineClock, 0)
      }
      return true
    } catch (error) {
      await this.abandon()
      throw error
    } finally {
      this.#input.pool.give(blocks)
    }
  }

  /** Forgets the file that grows; what it held is read again. */
  async abandon(): Promise<void> {
    const file = this.#file
    this.#file = null
    this.#wantedBytes = this.#input.destination.chunkBytes
    await file?.target.abandon()
  }

  get #position(): number {
    return this.#file?.position ?? this.#progress.nextSequence
  }

  /** One chunk, one file's end or one window's step. @returns Whether there may be more. */
  async #step(blocks: EventBlocks, isFlush: boolean): Promise<boolean> {
    if (this.#progress.cutSequence !== null) return this.#finishCut(blocks, this.#progress.cutSequence)
    if (await this.#noteOvertaken()) return true
    const { source, clock, hub } = this.#input
    const nowMs = clock.now()
    const isAllWanted = isFlush || nowMs >= this.windowEndMs
    if (!isAllWanted && this.#walker.bytesFrom(this.#position) < this.#wantedBytes) return false
    if (this.#file === null && (await this.#stepWindow(nowMs))) return true
    if (this.#file === null && this.#position >= source.end.sequence) return false
    const file = this.#file ?? this.#begin(this.#nameOf(this.#windowStartMs))
    const stop = await this.#gather(blocks, file, {
      untilSequence: Number.MAX_SAFE_INTEGER,
      untilMs: this.windowEndMs,
      bytesMax: Math.max(1, hub.sizeBytes - file.bytes),
    })
    const isOver = stop !== 'chunk' && (stop !== 'end' || isAllWanted)
    if (!isOver) return this.#append(blocks, file)
    if (stop !== 'size') blocks.cut()
    if (file.events + blocks.events === 0) return this.#passOver(blocks, stop)
    const lastTimeMs = blocks.events > 0 ? blocks.lastTimeMs : file.lastTimeMs
    const isEarly = stop === 'size' || stop === 'trimmed' || (stop === 'end' && nowMs < this.windowEndMs)
    const earlyMs = stop === 'end' ? nowMs : lastTimeMs
    if (stop === 'end' && isFlush) this.#isFlushing = false
    await this.#note({
      cutSequence: blocks.position,
      cutName: file.name,
      windowStartMs: isEarly ? nextWindowStart(this.#windowStartMs, earlyMs) : this.windowEndMs,
    })
    await this.#finish(blocks, file, blocks.position)
    return true
  }

  /** Retention took events before they were in a file. @returns Whether something was noted. */
  async #noteOvertaken(): Promise<boolean> {
    const { start } = this.#input.source
    const { nextSequence, lostEvents } = this.#progress
    if (this.#file !== null || start.sequence <= nextSequence) return false
    this.#sayLost(nextSequence, start.sequence)
    await this.#note({ nextSequence: start.sequence, lostEvents: lostEvents + start.sequence - nextSequence })
    return true
  }

  /** Moves an empty window on to where events or the clock are. @returns Whether it moved. */
  async #stepWindow(nowMs: number): Promise<boolean> {
    const { hub, hasBegun } = this.#input
    const reachedMs = (await this.#walker.timeOf(this.#progress.nextSequence)) ?? nowMs
    if (reachedMs < this.windowEndMs) return false
    const nextStartMs = windowOf(this.#windowStartMs, hub.intervalMs, reachedMs)
    this.#windowStartMs = nextStartMs
    if (hub.isSkippingEmpty || !hasBegun()) return true
    // Differs from Azure: of many windows that passed unseen (the daemon was down) only the last leaves an empty file.
    const { nextSequence } = this.#progress
    const cutName = this.#nameOf(nextStartMs - hub.intervalMs)
    await this.#note({ cutSequence: nextSequence, cutName, windowStartMs: nextStartMs })
    await this.#finishEmpty(this.#begin(cutName), nextSequence)
    return true
  }

  async #finishEmpty(file: GrowingFile, cutSequence: number): Promise<void> {
    const bytes = emptyCaptureFile(codecs[this.#input.hub.encoding], file.sync)
    file.add(null, [bytes])
    await this.#send(() => file.target.finish([bytes], file.facts()))
    await this.#noteWritten(file, cutSequence)
  }

  /** A window without a readable event: damage, or trimmed while it was read. */
  async #passOver(blocks: EventBlocks, stop: Stop): Promise<boolean> {
    this.#file = null
    const hasMoved = blocks.position > this.#progress.nextSequence
    if (hasMoved) await this.#note({ nextSequence: blocks.position })
    return hasMoved || stop !== 'end'
  }

  async #append(blocks: EventBlocks, file: GrowingFile): Promise<boolean> {
    if (blocks.events === 0) {
      // So many log bytes made no whole block: sections that Capture leaves out.
      this.#wantedBytes *= 2
      return false
    }
    this.#wantedBytes = this.#input.destination.chunkBytes
    const chunks = await this.#chunksOf(blocks, file)
    await this.#send(() => file.target.append(chunks))
    file.add(blocks, chunks)
    return true
  }

  async #finish(blocks: EventBlocks, file: GrowingFile, cutSequence: number): Promise<void> {
    const chunks = await this.#chunksOf(blocks, file)
    file.add(blocks, chunks)
    await this.#send(() => file.target.finish(chunks, file.facts()))
    await this.#noteWritten(file, cutSequence)
  }

  async #noteWritten(file: GrowingFile, cutSequence: number): Promise<void> {
    this.#file = null
    this.#walker.settle()
    const { files, events, bytes } = this.#progress
    await this.#note({
      nextSequence: cutSequence,
      cutSequence: null,
      cutName: null,
      files: files + 1,
      events: events + file.events,
      bytes: bytes + file.bytes,
    })
    this.#wantedBytes = this.#input.destination.chunkBytes
  }

  /** A file that was decided on and perhaps written: it is written again, the same events under the same name. */
  async #finishCut(blocks: EventBlocks, cutSequence: number): Promise<boolean> {
    const { nextSequence, cutName } = this.#progress
    const name = cutName ?? this.#nameOf(this.#windowStartMs)
    if (nextSequence === cutSequence) {
      await this.#finishEmpty(this.#begin(name), cutSequence)
      return true
    }
    if (this.#file === null && this.#input.source.start.sequence > nextSequence) {
      return this.#finishOvertaken(name, cutSequence)
    }
    const file = this.#file ?? this.#begin(name)
    const stop = await this.#gather(blocks, file, {
      untilSequence: cutSequence,
      untilMs: Number.MAX_SAFE_INTEGER,
      bytesMax: Number.MAX_SAFE_INTEGER,
    })
    if (stop === 'trimmed') {
      await this.abandon()
      return true
    }
    if (stop === 'chunk') return this.#append(blocks, file)
    blocks.cut()
    await this.#finish(blocks, file, cutSequence)
    return true
  }

  /** Some of the events of a decided file are gone: the file may be whole from before, else it begins where there are events. */
  async #finishOvertaken(name: string, cutSequence: number): Promise<boolean> {
    const { nextSequence, files, events, bytes, lostEvents } = this.#progress
    const size = await this.#send(() => this.#input.destination.sizeOf(name))
    const done = { nextSequence: cutSequence, cutSequence: null, cutName: null }
    if (size !== null) {
      await this.#note({ ...done, files: files + 1, events: events + cutSequence - nextSequence, bytes: bytes + size })
      return true
    }
    const first = Math.min(this.#input.source.start.sequence, cutSequence)
    this.#sayLost(nextSequence, first)
    const lost = { lostEvents: lostEvents + first - nextSequence }
    await this.#note(first === cutSequence ? { ...done, ...lost } : { nextSequence: first, ...lost })
    return true
  }

  #begin(name: string): GrowingFile {
    const { destination, hub, partition } = this.#input
    const { nextSequence } = this.#progress
    this.#file = new GrowingFile(name, destination.create(name), syncMarker(hub, partition, nextSequence, name))
    this.#file.position = nextSequence
    return this.#file
  }

  /** Fills `blocks` from the file's position on. */
  #gather(
    blocks: EventBlocks,
    file: GrowingFile,
    limits: { readonly untilSequence: number; readonly untilMs: number; readonly bytesMax: number },
  ): Promise<Stop> {
    const { hub, destination, log } = this.#input
    blocks.begin(file.position, file.sync, Math.min(blockBytesMax, hub.sizeBytes, destination.chunkBytes))
    return this.#walker.gather(blocks, {
      ...limits,
      chunkBytes: destination.chunkBytes,
      onDamage: (from, to, detail) => {
        if (to > from) log.error('damaged events cannot be captured', this.#fields({ from, to, detail }))
      },
    })
  }

  async #chunksOf(blocks: EventBlocks, file: GrowingFile): Promise<readonly Buffer[]> {
    const codec = await loadCodec(codecs[this.#input.hub.encoding])
    const chunks = await blocks.chunks(codec)
    return file.bytes > 0 ? chunks : [captureFileHeader(codec.name, file.sync), ...chunks]
  }

  async #note(change: Partial<CaptureProgress>): Promise<void> {
    const { captures, hub, partition } = this.#input
    const next = { ...this.#progress, windowStartMs: this.#windowStartMs, ...change }
    await captures.noteProgress(hub, partition, next)
    this.#progress = next
    this.#windowStartMs = next.windowStartMs
  }

  async #send<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isEhubError(error)) throw new DestinationFailure(error)
      throw error
    }
  }

  #sayLost(from: number, to: number): void {
    this.#input.log.error('events were removed before Capture had them in a file', this.#fields({ from, to }))
  }

  #fields(more: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    return { hub: this.#input.hub.hub, partition: this.#input.partition, ...more }
  }

  #nameOf(startMs: number): string {
    const { namespace, hub } = this.#input.hub
    return this.#format.expand({ namespace, hub, partition: this.#input.partition, startMs })
  }
}
