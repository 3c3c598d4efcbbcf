// Reads Capture files, one after the other in the order of their windows, and hands the wanted records to a sink. Memory is
// bounded by one block of one file and what the sink gathers.

import { type Clock, delay } from '../base/clock.ts'
import { EhubError, isEhubError } from '../base/error.ts'
import { type CaptureSource, placeFiles, type PlacedFile } from '../client/capture/capture-source.ts'
import { eventOfRecord } from '../wire/capture/capture-event.ts'
import { CaptureFileReader } from '../wire/capture/capture-reader.ts'
import type { NameFormat } from '../wire/capture/file-name.ts'
import { entityKey } from '../wire/entity-names.ts'
import type { Event } from '../wire/events/event.ts'
import type { PositionSpec } from '../wire/events/position.ts'
import type { CaptureCheck } from './capture-check.ts'
import { recordSelector } from './capture-select.ts'

/** How far the reading is; what a resumed one begins with. */
export interface ReadProgress {
  /** Labels of files that are read to their end. */
  readonly done: string[]
  /** The file under way and its blocks handed over. */
  current: { readonly file: string; readonly blocks: number } | null
}

export interface ReadAccount {
  events: number
  /** Of bodies. */
  bytes: number
  files: number
  /** Bytes of files read, and of all that are to be. */
  readBytes: number
  totalBytes: number | null
}

export interface CaptureReadOptions {
  readonly clock: Clock
  readonly sources: readonly CaptureSource[]
  readonly formats: readonly NameFormat[]
  /** null: all. */
  readonly partitions: ReadonlySet<number> | null
  readonly from: PositionSpec | null
  readonly to: PositionSpec | null
  /** Go on with files that come. */
  readonly isFollowing: boolean
  readonly signal: AbortSignal
  /** null: damage ends the reading; else it is noted and the next file goes on. */
  readonly check: CaptureCheck | null
  readonly progress: ReadProgress
  /** Files said to be of another are left out; said of events whose file does not; null: all. */
  readonly hub: string | null
  /** Takes a wanted event; synchronous. */
  readonly onEvent: (event: Event) => void
  /** Whether `onEvents` should be awaited before more events. */
  readonly isFull: () => boolean
  /** Lets what was taken be written; then, at the end of a block, the progress is true. */
  readonly onFull: () => Promise<void>
  readonly onBlockEnd: () => Promise<void>
}

const pollMs = 1000

/** Resolves when all is read or the signal came. @throws EhubError `integrity` for damage, what sources fail with. */
export class CaptureRead {
  readonly account: ReadAccount = { events: 0, bytes: 0, files: 0, readBytes: 0, totalBytes: null }
  readonly #options: CaptureReadOptions
  readonly #done: Set<string>

  constructor(options: CaptureReadOptions) {
    this.#options = options
    this.#done = new Set(options.progress.done)
  }

  async run(): Promise<void> {
    const { isFollowing, signal, clock, formats } = this.#options
    for (;;) {
      const files = (await Promise.all(this.#options.sources.map((source) => source.list()))).flat()
      const placed = placeFiles(files, formats).filter(
        (file) => !this.#done.has(file.file.label) && this.#isWanted(file),
      )
      const sizes = placed.map(({ file }) => file.bytes)
      const knownBytes = sizes.reduce((sum: number, bytes) => sum + (bytes ?? 0), 0)
      this.account.totalBytes = sizes.includes(null) ? null : this.account.readBytes + knownBytes
      for (const file of placed) {
        if (signal.aborted) return
        await this.#file(file)
      }
      if (!isFollowing || signal.aborted) return
      const isOver = await delay(clock, pollMs, signal).then(
        () => false,
        () => true,
      )
      if (isOver) return
    }
  }

  #isWanted({ file, place }: PlacedFile): boolean {
    const { partitions, hub } = this.#options
    if (place !== null && hub !== null && entityKey(place.hub) !== entityKey(hub)) return false
    if (partitions === null) return true
    if (place !== null) return partitions.has(place.partition)
    throw new EhubError('usage', `the name of ${file.label} does not say of which partition it is`, {
      hint: 'give --name-format as the files were named with, or leave out --partition',
    })
  }

  async #file(placed: PlacedFile): Promise<void> {
    const { check, progress } = this.#options
    const { file, place } = placed
    check?.beginFile(place === null ? file.label : `${place.hub}/${place.partition}`, file.label)
    const before = this.account.readBytes
    try {
      const isWhole = await this.#records(placed)
      if (!isWhole) return
    } catch (error) {
      if (check === null || !(isEhubError(error, 'integrity') || isEhubError(error, 'decode-error'))) throw error
      check.report('damage', null, error.message)
    }
    if (file.bytes !== null) this.account.readBytes = before + file.bytes
    this.account.files += 1
    this.#done.add(file.label)
    progress.done.push(file.label)
    progress.current = null
    await this.#options.onBlockEnd()
  }

  /** @returns False when the signal came; only looked at between blocks, where the progress is true. */
  async #records({ file, place }: PlacedFile): Promise<boolean> {
    const { from, to, progress, hub, signal, onBlockEnd } = this.#options
    const select = recordSelector(from, to, place?.partition ?? null)
    const partition = place === null ? null : String(place.partition)
    const skipped = progress.current?.file === file.label ? progress.current.blocks : 0
    const reader = await CaptureFileReader.open(file.label, file.open())
    const before = this.account.readBytes
    for (let block = await reader.nextBlock(); block !== null; block = await reader.nextBlock()) {
      this.account.readBytes = before + reader.position
      if (block.index < skipped) continue
      await this.#block(reader, select, place?.hub ?? hub, partition)
      progress.current = { file: file.label, blocks: block.index + 1 }
      await onBlockEnd()
      if (signal.aborted) return false
    }
    return true
  }

  async #block(
    reader: CaptureFileReader,
    select: ReturnType<typeof recordSelector>,
    hub: string | null,
    partition: string | null,
  ): Promise<void> {
    const { check, onEvent, isFull, onFull } = this.#options
    const { account } = this
    for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
      if (select(record) !== 'wanted') continue
      check?.record(record)
      onEvent(eventOfRecord(record, hub, partition))
      account.events += 1
      account.bytes += record.body?.length ?? 0
      if (isFull()) await onFull()
    }
  }
}
