// Where Capture files go. A file is seen by readers of the destination only once it is whole: `finish` makes it durable and
// visible in one step, under a name that may exist already and is then replaced. What was appended before that and never
// finished is not seen and is taken away or overwritten by the next file of that name.

import type { EhubError } from '../../../base/error.ts'

/** What is known of a file besides its bytes; destinations that can keep it beside the file do. */
export interface FileFacts {
  readonly events: number
  readonly bytes: number
  /** -1 in an empty file. */
  readonly firstSequence: number
  readonly lastSequence: number
}

export interface ListedFile {
  /** Relative, `/` between folders. */
  readonly name: string
  readonly bytes: number
  /** null: the destination does not say; `readFacts` looks into the file. */
  readonly facts: Omit<FileFacts, 'bytes'> | null
}

/** One file being written; its calls come one after the other. */
export interface TargetFile {
  /** The chunks are the caller's again when it resolves. Chunks of all calls but the last have `chunkBytes` or more together. */
  append(chunks: readonly Uint8Array[]): Promise<void>
  /** Appends, then makes the file durable and visible. After a failure nobody knows whether it is: write it again. */
  finish(chunks: readonly Uint8Array[], facts: FileFacts): Promise<void>
  /** Forgets it, as far as that is possible now. Never rejects. */
  abandon(): Promise<void>
}

/** Rejects with `EhubError` naming the destination and the way out, `connect-failed` or what it answered. */
export interface Destination {
  /** Bytes that are worth one call of `append`. */
  readonly chunkBytes: number
  /** For a person; without secrets. */
  readonly label: string
  /** Nothing is done yet: the first call of the file does it. */
  create(name: string): TargetFile
  /** Bytes of a finished file of that name, null when there is none. */
  sizeOf(name: string): Promise<number | null>
  /** Finished files whose names begin with `prefix`, in order of name; other files may be among them. */
  list(prefix: string): AsyncIterable<ListedFile>
  /** What is in a file whose listing does not say; null when it is no Capture file. */
  readFacts(name: string, bytes: number): Promise<Omit<FileFacts, 'bytes'> | null>
  /** Ends what is under way. */
  close(): Promise<void>
}

/** The destination did not take what it was given: try again later. */
export class DestinationFailure extends Error {
  override readonly name = 'DestinationFailure'
  override readonly cause: EhubError

  constructor(cause: EhubError) {
    super(cause.message, { cause })
    this.cause = cause
  }
}
