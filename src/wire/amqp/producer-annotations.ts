// What a producer says in its message annotations that concerns the broker: the partition key, and the three numbers of
// idempotent publishing. Everything else is the application's and passes through unread.

import { MapEntries } from './annotation-map.ts'
import { decodeError, decodeText, decodeValue } from './decode-value.ts'
import { annotations } from './names.ts'
import { safeIntegerOf } from './types.ts'

const partitionKeyName = Buffer.from(annotations.partitionKey)
const producerIdName = Buffer.from(annotations.producerId)
const producerEpochName = Buffer.from(annotations.producerEpoch)
const producerSequenceName = Buffer.from(annotations.producerSequenceNumber)

/** Idempotent publishing: who sent a batch and the number of its first event. */
export interface ProducerIdentity {
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
}

/** One annotations section read; one object, filled anew by each `read`. */
export class ProducerAnnotations {
  /** The partition key with its constructor, `buffer[keyStart, keyEnd)`; both -1 when there is none. */
  keyStart = -1
  keyEnd = -1
  /** All three numbers; null when one is missing. */
  identity: ProducerIdentity | null = null

  readonly #entries = new MapEntries()

  clear(): void {
    this.keyStart = -1
    this.keyEnd = -1
    this.identity = null
  }

  /**
   * Walks the section `buffer[start, end)`, which begins `00 53 72`.
   * @throws EhubError `decode-error` when it is no map of whole pairs, or one of our entries has a wrong type.
   */
  read(buffer: Buffer, start: number, end: number): void {
    this.clear()
    let producerId: bigint | null = null
    let epoch: number | null = null
    let sequence: number | null = null
    const entries = this.#entries
    entries.open(buffer, start + 3, end)
    while (entries.next()) {
      if (entries.isKey(partitionKeyName)) {
        this.#findKey(buffer, entries.valueStart, entries.valueEnd)
      } else if (entries.isKey(producerIdName)) {
        const value = decodeValue(buffer, entries.valueStart, entries.valueEnd)
        if (value.type === 'long' || value.type === 'ulong') producerId = value.value
      } else if (entries.isKey(producerEpochName)) {
        epoch = safeIntegerOf(decodeValue(buffer, entries.valueStart, entries.valueEnd))
      } else if (entries.isKey(producerSequenceName)) {
        sequence = safeIntegerOf(decodeValue(buffer, entries.valueStart, entries.valueEnd))
      }
    }
    if (producerId !== null && epoch !== null && sequence !== null) this.identity = { producerId, epoch, sequence }
  }

  /** The partition key's text, from the buffer that was read; null when there is none. Made only when asked for. */
  partitionKey(buffer: Buffer): string | null {
    if (this.keyStart < 0) return null
    const headBytes = (buffer[this.keyStart] ?? 0) < 0xb0 ? 2 : 5
    return decodeText(buffer, this.keyStart + headBytes, this.keyEnd - this.keyStart - headBytes)
  }

  #findKey(buffer: Buffer, start: number, end: number): void {
    const code = buffer[start] ?? 0
    // A null key is no key.
    if (code === 0x40) return
    if (code < 0xa0 || code > 0xbf) throw decodeError(`${annotations.partitionKey} is not a string`, start)
    this.keyStart = start
    this.keyEnd = end
  }
}
