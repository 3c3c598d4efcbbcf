// `ehub send` below its flags: input to records, records to the pipeline, the account of what became of them.

import type { Clock } from '../base/clock.ts'
import { assert } from '../base/assert.ts'
import { EhubError } from '../base/error.ts'
import { RecordSplitter } from './record-splitter.ts'
import type { EncodedBatch } from './send-batch.ts'
import { chunksOf, type InputFormat, type SendSource, sourceName } from './send-input.ts'
import type { SendPipeline } from './send-pipeline.ts'
import { type EventDefaults, RecordEncoder, type RecordKind, recordError } from './send-records.ts'
import { TokenBucket } from './token-bucket.ts'

export interface SendRunOptions {
  readonly clock: Clock
  readonly sources: readonly SendSource[]
  readonly defaults: EventDefaults
  readonly delimiter: Buffer
  readonly keyDelimiter: Buffer | null
  /** Stop after so many events; null: all. */
  readonly countMax: number | null
  /** Each event so many times. */
  readonly repeat: number
  /** Events a second; null: as fast as they are taken. */
  readonly rate: number | null
  readonly skipsErrors: boolean
  /** Copies what is read; null: does not. */
  readonly tee: ((chunk: Buffer) => Promise<void>) | null
  readonly signal: AbortSignal
  readonly onRejected: (place: string, error: EhubError, count: number) => void
}

/** What became of the events; grows while the run goes on. */
export interface SendAccount {
  events: number
  bytes: number
  batches: number
  rejected: number
  /** Bytes of input read. */
  readBytes: number
}

// A JSON envelope is longer than the message it stands for: base64, escapes, names of types.
const jsonGrowth = 6
const jsonBytesSpare = 65_536

export class SendRun {
  readonly account: SendAccount = { events: 0, bytes: 0, batches: 0, rejected: 0, readBytes: 0 }
  readonly #options: SendRunOptions
  readonly #bucket: TokenBucket | null
  #pipeline: SendPipeline | null = null
  #encoder: RecordEncoder | null = null
  #number = 0

  constructor(options: SendRunOptions) {
    this.#options = options
    this.#bucket = options.rate === null ? null : new TokenBucket(options.clock, options.rate)
  }

  /** For the pipeline: a batch was acknowledged. */
  accepted(batch: EncodedBatch): void {
    this.account.events += batch.count
    this.account.bytes += batch.bodyBytes
    this.account.batches += 1
  }

  /** For the pipeline: a batch was refused for good. @throws EhubError unless errors are skipped. */
  refused(batch: EncodedBatch, error: EhubError): void {
    const { firstNumber, lastNumber } = batch
    const place = firstNumber === lastNumber ? `event ${firstNumber}` : `events ${firstNumber} to ${lastNumber}`
    if (!this.#options.skipsErrors) throw recordError(error, place, error.hint ?? '')
    this.account.rejected += batch.count
    this.#options.onRejected(place, error, batch.count)
  }

  /** Reads all sources; resolves when everything is acknowledged. @throws EhubError what stopped it. */
  async run(pipeline: SendPipeline): Promise<void> {
    this.#pipeline = pipeline
    this.#encoder = new RecordEncoder(this.#options.defaults, this.#options.keyDelimiter, {
      plain: (prefix, body, start, end, number) => pipeline.add(prefix, body, start, end, number),
      message: (message, bodyBytes, key, number) => pipeline.addMessage(message, bodyBytes, key, number),
    })
    try {
      for (const source of this.#options.sources) {
        if (this.#isDone) break
        await this.#source(source)
      }
    } catch (error) {
      // What is on its way has been sent; what was only gathered has not, and must not be by half.
      const firstUnsent = pipeline.discard()
      // When the pipeline itself is what failed it says so again: the first error is the one to tell.
      await pipeline.finish().catch(() => undefined)
      throw withAccount(error, this.account, firstUnsent)
    }
    await pipeline.finish()
  }

  get #isDone(): boolean {
    const { signal, countMax } = this.#options
    return signal.aborted || (countMax !== null && this.#number >= countMax)
  }

  async #source(source: SendSource): Promise<void> {
    const format = source.kind === 'text' ? 'raw' : source.format
    if (format === 'raw') return this.#whole(source)
    assert(this.#pipeline !== null, 'a run has a pipeline')
    const { messageBytesMax } = this.#pipeline
    const recordBytesMax = format === 'jsonl' ? messageBytesMax * jsonGrowth + jsonBytesSpare : messageBytesMax
    const splitter = new RecordSplitter(this.#delimiterOf(format), recordBytesMax)
    const kind = format === 'jsonl' ? 'json' : this.#options.keyDelimiter === null ? 'body' : 'keyed'
    for await (const chunk of chunksOf(source, this.#options.signal)) {
      this.account.readBytes += chunk.length
      if (this.#options.tee !== null) await this.#options.tee(chunk)
      splitter.feed(chunk)
      await this.#records(splitter, kind, source, () => splitter.next())
      if (this.#isDone) return
    }
    if (!this.#options.signal.aborted) await this.#records(splitter, kind, source, () => splitter.finish())
  }

  /** Only waits where it must: at full speed this loop is synchronous for a whole chunk. */
  async #records(splitter: RecordSplitter, kind: RecordKind, source: SendSource, next: () => boolean): Promise<void> {
    const pipeline = this.#pipeline
    assert(pipeline !== null, 'a run has a pipeline')
    const { repeat } = this.#options
    for (;;) {
      if (this.#isDone) return
      try {
        if (!next()) return
        for (let copy = 0; copy < repeat && !this.#isDone; copy += 1) {
          if (this.#bucket !== null && !this.#bucket.take()) await this.#bucket.taken(this.#options.signal)
          this.#record(kind, splitter.buffer, splitter.start, splitter.end)
          if (!pipeline.isWritable) await pipeline.whenWritable()
        }
      } catch (error) {
        this.#wrongRecord(
          error,
          `${lineWord(source)} ${splitter.count}${source.kind === 'file' ? ` of ${sourceName(source)}` : ''}`,
        )
      }
    }
  }

  /** A whole source as one event. */
  async #whole(source: SendSource): Promise<void> {
    const pipeline = this.#pipeline
    assert(pipeline !== null, 'a run has a pipeline')
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of chunksOf(source, this.#options.signal)) {
      this.account.readBytes += chunk.length
      if (this.#options.tee !== null) await this.#options.tee(chunk)
      chunks.push(chunk)
      bytes += chunk.length
      // Refused below with its size so far; a larger file is not read to its end for that.
      if (bytes > pipeline.messageBytesMax) break
    }
    if (this.#options.signal.aborted) return
    const body = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)
    const place = source.kind === 'text' ? `event ${this.#number + 1}` : sourceName(source)
    try {
      for (let copy = 0; copy < this.#options.repeat && !this.#isDone; copy += 1) {
        if (this.#bucket !== null && !this.#bucket.take()) await this.#bucket.taken(this.#options.signal)
        this.#record(this.#options.keyDelimiter === null ? 'body' : 'keyed', body, 0, body.length)
        if (!pipeline.isWritable) await pipeline.whenWritable()
      }
    } catch (error) {
      this.#wrongRecord(error, place)
    }
  }

  #record(kind: RecordKind, buffer: Buffer, start: number, end: number): void {
    const encoder = this.#encoder
    assert(encoder !== null, 'a run has an encoder')
    const number = this.#number + 1
    if (kind === 'body') encoder.body(buffer, start, end, number)
    else if (kind === 'keyed') encoder.keyed(buffer, start, end, number)
    else if (!encoder.json(buffer, start, end, number)) return
    this.#number = number
  }

  #wrongRecord(error: unknown, place: string): void {
    const isOfRecord =
      error instanceof EhubError && (error.code === 'argument-error' || error.code === 'event-too-large')
    if (!isOfRecord) throw error
    if (!this.#options.skipsErrors) throw recordError(error, place, '')
    this.account.rejected += 1
    this.#options.onRejected(place, error, 1)
  }

  #delimiterOf(format: InputFormat): Buffer {
    if (format === 'nul') return Buffer.from([0])
    return format === 'jsonl' ? Buffer.from('\n') : this.#options.delimiter
  }
}

function lineWord(source: SendSource): string {
  return source.kind === 'stdin' || source.kind === 'file' ? 'line' : 'event'
}

/** Says how far it came, so that a person can go on from there. */
function withAccount(error: unknown, account: SendAccount, firstUnsent: number | null): unknown {
  if (!(error instanceof EhubError)) return error
  const { events } = account
  const sent =
    events === 0 ? 'no event was sent before' : `${events} event${events === 1 ? ' was' : 's were'} sent before`
  const rest = firstUnsent === null ? '' : `, none from event ${firstUnsent} on that waited with it`
  const hint = error.hint === undefined || error.hint === '' ? `${sent}${rest}; --skip-errors goes on` : error.hint
  return new EhubError(error.code, error.message, { hint, cause: error.cause })
}
