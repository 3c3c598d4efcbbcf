// Of each key the newest sequence, in memory of a fixed size whatever the number of keys: 96 bits of a hash of the key and the distance
// of the sequence from where the map begins. When it is full the rest is for the next pass.
//
// Two keys with the same 96 bits would be taken for one. With 100 million keys looked up in a map of 4 million that happens once in
// some 10^14 passes; the hash begins at a random number, so that nobody can look for such keys beforehand.

/** 12 bytes of hash, 4 of distance + 1; 0 for a free slot. */
const slotWords = 4
const slotBytes = slotWords * 4
/** Beyond this share of slots in use looking one up takes too long. */
const loadMax = 0.8
const slotsMin = 16
const distanceMax = 0xffff_fffe

export class LatestMap {
  readonly #words: Uint32Array
  readonly #mask: number
  readonly #keysMax: number
  readonly #seed: number
  readonly #base: number
  #keys = 0
  // The hash made last.
  #h0 = 0
  #h1 = 0
  #h2 = 0

  /**
   * @param bytesMax Memory at most, a power of two of slots.
   * @param keysExpected Not more keys than these are expected: a smaller map then does.
   * @param base Sequences are at or beyond it.
   */
  constructor(bytesMax: number, keysExpected: number, base: number, seed: number) {
    let slots = slotsMin
    while (slots * 2 * slotBytes <= bytesMax && slots * loadMax < keysExpected) slots *= 2
    this.#words = new Uint32Array(slots * slotWords)
    this.#mask = slots - 1
    this.#keysMax = Math.floor(slots * loadMax)
    this.#base = base
    this.#seed = seed
  }

  get keys(): number {
    return this.#keys
  }

  /** Whether so many more keys fit. */
  hasRoomFor(keys: number): boolean {
    return this.#keys + keys <= this.#keysMax
  }

  /** Notes the newest event of a key; sequences rise. */
  put(bytes: Buffer, start: number, end: number, sequence: number): void {
    const distance = sequence - this.#base
    if (distance < 0 || distance > distanceMax) return
    const slot = this.#find(bytes, start, end)
    const words = this.#words
    if (words[slot + 3] === 0) {
      this.#keys += 1
      words[slot] = this.#h0
      words[slot + 1] = this.#h1
      words[slot + 2] = this.#h2
    }
    words[slot + 3] = distance + 1
  }

  /** Sequence of the newest event of the key, -1 when the map has none. */
  get(bytes: Buffer, start: number, end: number): number {
    const distance = this.#words[this.#find(bytes, start, end) + 3] ?? 0
    return distance === 0 ? -1 : this.#base + distance - 1
  }

  #find(bytes: Buffer, start: number, end: number): number {
    this.#hash(bytes, start, end)
    const words = this.#words
    for (let index = this.#h0 & this.#mask; ; index = (index + 1) & this.#mask) {
      const slot = index * slotWords
      if (words[slot + 3] === 0) return slot
      if (words[slot] === this.#h0 && words[slot + 1] === this.#h1 && words[slot + 2] === this.#h2) return slot
    }
  }

  /** MurmurHash3 x86 128 (Austin Appleby, public domain), of whose four words three are kept. */
  #hash(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    const { imul } = Math
    let h1 = this.#seed
    let h2 = this.#seed
    let h3 = this.#seed
    let h4 = this.#seed
    const whole = start + (length & ~15)
    for (let at = start; at < end; at += 16) {
      const isWhole = at < whole
      let k1 = isWhole ? bytes.readInt32LE(at) : wordAt(bytes, at, end)
      let k2 = isWhole ? bytes.readInt32LE(at + 4) : wordAt(bytes, at + 4, end)
      let k3 = isWhole ? bytes.readInt32LE(at + 8) : wordAt(bytes, at + 8, end)
      let k4 = isWhole ? bytes.readInt32LE(at + 12) : wordAt(bytes, at + 12, end)
      k1 = imul(rotate(imul(k1, 0x239b961b), 15), 0xab0e9789)
      k2 = imul(rotate(imul(k2, 0xab0e9789), 16), 0x38b34ae5)
      k3 = imul(rotate(imul(k3, 0x38b34ae5), 17), 0xa1e38b93)
      k4 = imul(rotate(imul(k4, 0xa1e38b93), 18), 0x239b961b)
      h1 ^= k1
      h2 ^= k2
      h3 ^= k3
      h4 ^= k4
      if (!isWhole) break
      h1 = (imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0
      h2 = (imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0
      h3 = (imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0
      h4 = (imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0
    }
    h1 ^= length
    h2 ^= length
    h3 ^= length
    h4 ^= length
    h1 = (h1 + h2 + h3 + h4) | 0
    h2 = (h2 + h1) | 0
    h3 = (h3 + h1) | 0
    h4 = (h4 + h1) | 0
    h1 = mixed(h1)
    h2 = mixed(h2)
    h3 = mixed(h3)
    h4 = mixed(h4)
    h1 = (h1 + h2 + h3 + h4) | 0
    this.#h0 = h1 >>> 0
    this.#h1 = (h2 + h1) >>> 0
    this.#h2 = (h3 + h1) >>> 0
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function mixed(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Up to four bytes, zeros beyond the end. */
function wordAt(bytes: Buffer, at: number, end: number): number {
  let word = 0
  for (let index = Math.min(3, end - at - 1); index >= 0; index--) word = (word << 8) | (bytes[at + index] ?? 0)
  return word
}
