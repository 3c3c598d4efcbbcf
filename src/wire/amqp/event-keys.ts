// What compaction needs of the events of a payload: the bytes of each one's partition key, and whether it is a delete marker. Nothing
// is decoded to text, nothing is made for an event.

import { MapEntries } from './annotation-map.ts'
import { PayloadReader } from './batch-payload.ts'
import { annotations, sectionCodes } from './names.ts'
import { MessageSections } from './sections.ts'

const partitionKeyName = Buffer.from(annotations.partitionKey)

/** Walks the events of one payload in order; one object, filled anew by each `open`. */
export class EventKeyReader {
  /** The key's text is `payload[keyStart, keyEnd)`; both -1 for an event without a key. */
  keyStart = -1
  keyEnd = -1
  /** It has a key and no body: of every event with this key nothing is to be left. */
  isTombstone = false
  /** Where the event's section begins and ends in the payload. */
  sectionStart = 0
  sectionEnd = 0
  /** Bytes of the annotations all events share, in front of the first. */
  sharedBytes = 0

  readonly #events = new PayloadReader()
  readonly #sections = new MessageSections()
  readonly #entries = new MapEntries()
  #payload: Buffer = Buffer.alloc(0)
  #sharedStart = -1
  #sharedEnd = -1

  /** @throws EhubError `decode-error`. */
  open(payload: Buffer): void {
    this.#payload = payload
    this.#events.open(payload)
    const { annotationsStart, annotationsEnd } = this.#events
    this.sharedBytes = Math.max(0, annotationsEnd)
    this.#findKey(annotationsStart, annotationsEnd)
    this.#sharedStart = this.keyStart
    this.#sharedEnd = this.keyEnd
  }

  /** Moves to the next event. @throws EhubError `decode-error`. */
  next(): boolean {
    const events = this.#events
    if (!events.next()) return false
    const sections = this.#sections
    sections.scan(this.#payload, events.messageStart, events.messageEnd)
    this.sectionStart = events.sectionStart
    this.sectionEnd = events.messageEnd
    // An event's own annotations go before what all share.
    this.#findKey(sections.messageAnnotationsStart, sections.messageAnnotationsEnd)
    if (this.keyStart < 0) {
      this.keyStart = this.#sharedStart
      this.keyEnd = this.#sharedEnd
    }
    this.isTombstone = this.keyStart >= 0 && this.#isEmptyBody(sections)
    return true
  }

  #findKey(start: number, end: number): void {
    this.keyStart = -1
    this.keyEnd = -1
    if (start < 0) return
    const entries = this.#entries
    entries.open(this.#payload, start + 3, end)
    while (entries.next()) {
      if (!entries.isKey(partitionKeyName)) continue
      const code = this.#payload[entries.valueStart] ?? 0
      // Strings and symbols only; a null or empty key is no key.
      if (code < 0xa0 || code > 0xbf) continue
      const textStart = entries.valueStart + (code < 0xb0 ? 2 : 5)
      if (textStart >= entries.valueEnd) continue
      this.keyStart = textStart
      this.keyEnd = entries.valueEnd
    }
  }

  /** No body, data sections without a byte, or the value null: the ways in which clients say it. */
  #isEmptyBody({ bodyCode, bodyStart, bodyEnd, bodyCount }: MessageSections): boolean {
    if (bodyCode === 0) return true
    const payload = this.#payload
    if (bodyCode === sectionCodes.value) return payload[bodyStart + 3] === 0x40
    if (bodyCode !== sectionCodes.data) return false
    let at = bodyStart
    for (let section = 0; section < bodyCount; section++) {
      const code = payload[at + 3]
      const isEmpty = code === 0x40 || (code === 0xa0 ? payload[at + 4] === 0 : payload.readUInt32BE(at + 4) === 0)
      if (!isEmpty) return false
      at += code === 0x40 ? 4 : code === 0xa0 ? 5 : 8
    }
    return at === bodyEnd
  }
}
