// One partition's Capture files while a hub is exported: a file grows as NAME.part and gets its name when it is whole and on
// the disk, so that whatever has the name is whole.

import { closeSync, fsyncSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { Codec } from '../wire/capture/avro-codec.ts'
import { AvroFileWriter, blockBytesDefault, syncBytes } from '../wire/capture/avro-file.ts'
import { CaptureEncoder } from '../wire/capture/capture-encoder.ts'
import type { NameFormat } from '../wire/capture/file-name.ts'
import type { EventReader } from '../wire/events/event.ts'
import { writeAll, writeError } from './byte-target.ts'

export interface ExportedFile {
  /** Below the folder, `/` between folders. */
  readonly name: string
  readonly partition: number
  readonly events: number
  /** Of the file. */
  readonly bytes: number
  readonly firstSequence: number
  readonly lastSequence: number
  /** CRC-32 of the records' bytes; null: not asked for. */
  readonly recordsCrc: number | null
}

/** A file ends behind the block that reaches so many bytes, or before an event that is so much younger than its first. */
export interface SplitRule {
  readonly bytes: number | null
  readonly spanMs: number | null
}

export interface CaptureFileWriterOptions {
  readonly folder: string
  readonly namespace: string
  readonly hub: string
  readonly partition: number
  readonly format: NameFormat
  readonly codec: Codec
  readonly split: SplitRule
  readonly random: Random
  /** Whether CRCs are counted. */
  readonly isChecked: boolean
  /** Names given already in this export. */
  readonly names: Set<string>
  /** Files that are there and of no run that is known may be replaced: an earlier one was ended between naming and noting. */
  readonly isResumed: boolean
  /** A file has its name; the next event to export is behind its last. */
  readonly onFile: (file: ExportedFile) => void
  /** The writer is no longer behind. */
  readonly onCaughtUp: () => void
  /** Something that was waited for failed; nothing is written any more. */
  readonly onFailed: (error: unknown) => void
}

interface OpenFile {
  readonly name: string
  readonly fd: number
  readonly writer: AvroFileWriter
  readonly firstTimeMs: number
  readonly firstSequence: number
  lastSequence: number
  events: number
  /** In the file, and with what is under compression, about. */
  bytes: number
  writtenBytes: number
  crc: number
}

// Blocks under compression at a time.
const pendingMax = 2

/**
 * Where nothing is compressed everything happens at once; else blocks are written, and files ended, one after the other as their
 * compression is done, while events go on to be taken.
 */
export class CaptureFileWriter {
  readonly #options: CaptureFileWriterOptions
  readonly #encoder = new CaptureEncoder()
  #file: OpenFile | null = null
  #pending = 0
  #queue: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | null = null

  constructor(options: CaptureFileWriterOptions) {
    this.#options = options
  }

  /** So many blocks wait that no more events should be asked for. */
  get isBehind(): boolean {
    return this.#pending >= pendingMax
  }

  /** Appends an event. @throws EhubError of the disk, `decode-error`. */
  add(event: EventReader): void {
    const { sequence, offset, enqueuedTimeMs } = event
    const { partition, split } = this.#options
    if (sequence === null || enqueuedTimeMs === null) {
      throw new EhubError('decode-error', `an event of partition ${partition} has no sequence number or time`)
    }
    let file = this.#file
    if (file !== null && split.spanMs !== null && enqueuedTimeMs - file.firstTimeMs >= split.spanMs) {
      this.#end(file)
      file = null
    }
    file ??= this.#begin(sequence, enqueuedTimeMs)
    this.#encoder.beginBatch(enqueuedTimeMs, null)
    this.#encoder.write(file.writer.writer, event.buffer, event.start, event.end, sequence, offset ?? '')
    file.writer.recordEnded()
    file.events += 1
    file.lastSequence = sequence
    if (!file.writer.isFull) return
    this.#cut(file)
    if (split.bytes !== null && file.writtenBytes >= split.bytes) this.#end(file)
  }

  /** Ends the file under way, if any; resolves when all files have their names. @throws EhubError of the disk. */
  async finish(): Promise<void> {
    if (this.#file !== null) this.#end(this.#file)
    await this.#queue
    if (this.#failure !== null) throw this.#failure.error
  }

  /** Removes the file under way. */
  abandon(): void {
    const file = this.#file
    this.#file = null
    this.#failure ??= { error: new EhubError('cancelled', 'the export was given up') }
    if (file === null) return
    closeSync(file.fd)
    rmSync(this.#partPath(file.name), { force: true })
  }

  #begin(sequence: number, timeMs: number): OpenFile {
    const { codec, random, split } = this.#options
    // A file smaller than a block has a smaller block.
    const blockBytes = Math.min(blockBytesDefault, split.bytes ?? blockBytesDefault)
    const writer = new AvroFileWriter(codec, { sync: random.bytes(syncBytes), blockBytes })
    const name = this.#nameFor(timeMs)
    const path = this.#partPath(name)
    let fd: number
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      fd = openSync(path, 'w', 0o600)
    } catch (error) {
      throw writeError(path, error)
    }
    const file: OpenFile = {
      name,
      fd,
      writer,
      firstTimeMs: timeMs,
      firstSequence: sequence,
      lastSequence: sequence,
      events: 0,
      bytes: 0,
      writtenBytes: 0,
      crc: 0,
    }
    this.#file = file
    this.#write(file, writer.header)
    return file
  }

  #cut(file: OpenFile): void {
    if (this.#options.isChecked) file.crc = crc32(file.writer.openRecords, file.crc)
    const block = file.writer.cut()
    if (block instanceof Promise) {
      // How much it will be is not known yet; as much as it is now at most.
      file.writtenBytes += file.writer.blockBytes / 4
      return this.#later(async () => this.#write(file, await block))
    }
    this.#later(() => this.#write(file, block))
    file.writtenBytes += block.length
    file.writer.giveBack(block)
  }

  #end(file: OpenFile): void {
    this.#file = null
    if (file.writer.count > 0) this.#cut(file)
    this.#later(() => this.#close(file))
  }

  /** Runs the task behind those before it: at once when there are none and nothing is compressed. */
  #later(task: () => void | Promise<void>): void {
    if (this.#options.codec.name === 'null') return void task()
    this.#pending += 1
    this.#queue = this.#queue.then(async () => {
      try {
        if (this.#failure === null) await task()
      } catch (error) {
        this.#failure = { error }
        this.#options.onFailed(error)
      }
      this.#pending -= 1
      if (this.#pending === pendingMax - 1) this.#options.onCaughtUp()
    })
  }

  #write(file: OpenFile, bytes: Buffer): void {
    try {
      writeAll(file.fd, bytes, file.bytes)
    } catch (error) {
      throw writeError(this.#partPath(file.name), error)
    }
    file.bytes += bytes.length
  }

  #close(file: OpenFile): void {
    const { folder, partition, isChecked, onFile } = this.#options
    const path = join(folder, file.name)
    try {
      fsyncSync(file.fd)
      closeSync(file.fd)
      renameSync(this.#partPath(file.name), path)
    } catch (error) {
      throw writeError(path, error)
    }
    const { name, events, bytes, firstSequence, lastSequence, crc } = file
    onFile({ name, partition, events, bytes, firstSequence, lastSequence, recordsCrc: isChecked ? crc : null })
  }

  /** Two files that begin in one second are told apart by a number. @throws EhubError `file-exists`. */
  #nameFor(timeMs: number): string {
    const { format, namespace, hub, partition, names, folder, isResumed } = this.#options
    const place = { namespace, hub, partition, startMs: Math.floor(timeMs / 1000) * 1000 }
    let name = format.expand(place)
    for (let number = 1; names.has(name); number += 1) name = format.expand(place, `-${number}`)
    names.add(name)
    if (!isResumed && existsSync(join(folder, name))) {
      throw new EhubError('file-exists', `"${join(folder, name)}" exists already`, {
        hint: 'export into a folder of its own, or go on with --resume',
      })
    }
    return name
  }

  #partPath(name: string): string {
    return join(this.#options.folder, `${name}.part`)
  }
}
