// A Capture file while it grows: what is in it so far.

import { createHash } from 'node:crypto'
import { syncBytes } from '../../../wire/capture/avro-file.ts'
import type { CapturedHub } from '../../broker/captures-api.ts'
import type { FileFacts, TargetFile } from './destination.ts'
import type { EventBlocks } from './event-blocks.ts'

export class GrowingFile {
  readonly name: string
  readonly target: TargetFile
  readonly sync: Buffer
  /** First sequence that is not in it yet. */
  position = 0
  events = 0
  bytes = 0
  lastTimeMs = 0
  #firstSequence = -1
  #lastSequence = -1

  constructor(name: string, target: TargetFile, sync: Buffer) {
    this.name = name
    this.target = target
    this.sync = sync
  }

  /** @param blocks What `chunks` hold; null: no events. */
  add(blocks: EventBlocks | null, chunks: readonly Buffer[]): void {
    for (const chunk of chunks) this.bytes += chunk.length
    if (blocks === null) return
    this.position = blocks.position
    if (blocks.events === 0) return
    this.events += blocks.events
    if (this.#firstSequence < 0) this.#firstSequence = blocks.firstSequence
    this.#lastSequence = blocks.lastSequence
    this.lastTimeMs = blocks.lastTimeMs
  }

  facts(): FileFacts {
    const { events, bytes } = this
    return { events, bytes, firstSequence: this.#firstSequence, lastSequence: this.#lastSequence }
  }
}

/**
 * The file's sync marker: the service takes chance; here the same file has the same one whenever it is written, and no other
 * file has it.
 */
export function syncMarker(hub: CapturedHub, partition: number, firstSequence: number, name: string): Buffer {
  const identity = `${hub.namespace}/${hub.id}/${hub.createdAtMs}/${partition}/${firstSequence}/${name}`
  return createHash('sha256').update(identity).digest().subarray(0, syncBytes)
}
