// Looking into an encoded annotations map without decoding it: find a key's value, walk its entries. The map has been
// scanned (`sections.ts`), so its own size is inside the bytes; what is in it is checked here as far as it is walked.

import { emptyBuffer } from '../../base/bytes.ts'
import { decodeError, elementsMax, skipValue } from './decode-value.ts'

/** Walks the entries of one encoded map; one object, filled anew by each `open`. */
export class MapEntries {
  /** Number of entries. */
  count = 0
  /** The entries' bytes are `[contentStart, contentEnd)`. */
  contentStart = 0
  contentEnd = 0
  /** The current entry: key with its constructor, then value with its constructor. */
  keyStart = 0
  valueStart = 0
  valueEnd = 0
  /** The key's text when it is a symbol or a string: `[keyTextStart, valueStart)`; -1 for other keys. */
  keyTextStart = -1

  #buffer: Buffer = emptyBuffer
  #left = 0

  /**
   * @param at The map's constructor; in a section, three bytes behind its start.
   * @throws EhubError `decode-error` when the map does not fit `end` or is not of pairs.
   */
  open(buffer: Buffer, at: number, end: number): void {
    const code = at < end ? (buffer[at] ?? 0) : 0
    const width = code === 0xc1 ? 1 : 4
    if ((code !== 0xc1 && code !== 0xd1) || end - at < 1 + 2 * width) throw decodeError('annotations are not a map', at)
    const size = width === 1 ? (buffer[at + 1] ?? 0) : buffer.readUInt32BE(at + 1)
    const count = width === 1 ? (buffer[at + 2] ?? 0) : buffer.readUInt32BE(at + 5)
    const contentStart = at + 1 + 2 * width
    const contentEnd = at + 1 + width + size
    if (contentEnd > end || contentEnd < contentStart) throw decodeError(`map of ${size} bytes has ${end - at}`, at)
    if (count % 2 !== 0 || count > elementsMax || count > contentEnd - contentStart) {
      throw decodeError(`map of ${count} keys and values in ${contentEnd - contentStart} bytes`, at)
    }
    this.#buffer = buffer
    this.#left = count / 2
    this.count = count / 2
    this.contentStart = contentStart
    this.contentEnd = contentEnd
    this.valueEnd = contentStart
  }

  /** Moves to the next entry. @throws EhubError `decode-error` when entries and size do not agree. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.valueEnd !== this.contentEnd) throw decodeError('a map is longer than its entries', this.valueEnd)
      return false
    }
    this.#left -= 1
    const buffer = this.#buffer
    const keyStart = this.valueEnd
    const code = buffer[keyStart]
    this.keyStart = keyStart
    this.keyTextStart =
      code === 0xa3 || code === 0xa1 ? keyStart + 2 : code === 0xb3 || code === 0xb1 ? keyStart + 5 : -1
    this.valueStart = skipValue(buffer, keyStart, this.contentEnd)
    this.valueEnd = skipValue(buffer, this.valueStart, this.contentEnd)
    return true
  }

  /** Whether the current key is the symbol or string with these ASCII bytes. */
  isKey(name: Buffer): boolean {
    const at = this.keyTextStart
    if (at < 0 || this.valueStart - at !== name.length) return false
    const buffer = this.#buffer
    // From the end: names share their beginnings.
    for (let i = name.length - 1; i >= 0; i -= 1) {
      if (buffer[at + i] !== name[i]) return false
    }
    return true
  }
}
