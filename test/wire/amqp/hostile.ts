// Bytes made by hand to hurt a decoder: every length and count field at the values where mistakes live, deep nesting,
// elements without bytes, frames that announce what never comes.

import { elementsMax, valueDepthMax } from '../../../src/wire/amqp/decode-value.ts'

export interface HostileBytes {
  readonly name: string
  readonly bytes: Buffer
}

/** What a length or count field is set to. */
export const hostileNumbers: readonly number[] = [
  0,
  1,
  2,
  3,
  4,
  5,
  8,
  127,
  128,
  254,
  255,
  256,
  elementsMax - 1,
  elementsMax,
  elementsMax + 1,
  200_000,
  0xffffff,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 31 + 1,
  2 ** 32 - 2,
  2 ** 32 - 1,
]

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const join = (...parts: (Buffer | readonly number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))

/** Values, and what pretends to be one. */
export function hostileValues(): HostileBytes[] {
  const found: HostileBytes[] = []
  const add = (name: string, bytes: Buffer) => found.push({ name, bytes })
  for (let code = 0; code <= 0xff; code += 1) {
    for (const length of [0, 1, 2, 4, 8, 16, 17])
      add(`constructor ${code.toString(16)} + ${length}`, join([code], Buffer.alloc(length, 0x40)))
  }
  for (const number of hostileNumbers) {
    for (const code of [0xb0, 0xb1, 0xb3])
      add(`length ${number} of ${code.toString(16)}`, join([code], uint32(number), Buffer.alloc(8)))
    for (const code of [0xd0, 0xd1]) {
      add(`size ${number} of ${code.toString(16)}`, join([code], uint32(number), uint32(2), Buffer.alloc(8, 0x40)))
      add(`count ${number} of ${code.toString(16)}`, join([code], uint32(12), uint32(number), Buffer.alloc(8, 0x40)))
    }
    // Elements of no width, of one byte, of a length, and lists inside an array.
    for (const element of [0x40, 0x41, 0x43, 0x44, 0x45, 0x50, 0x56, 0x80, 0x98, 0xa0, 0xb1, 0xc0, 0xd1, 0xe0, 0xf0]) {
      add(
        `array of ${number} × ${element.toString(16)}`,
        join([0xf0], uint32(13), uint32(number), [element], Buffer.alloc(8)),
      )
      add(
        `array of size ${number} × ${element.toString(16)}`,
        join([0xf0], uint32(number), uint32(4), [element], Buffer.alloc(8)),
      )
    }
  }
  for (const levels of [1, valueDepthMax - 1, valueDepthMax, valueDepthMax + 1, 1000, 100_000]) {
    add(`${levels} descriptors`, join(Buffer.alloc(levels), [0x40]))
    add(
      `${levels} described values`,
      join(...Array.from({ length: Math.min(levels, 5000) }, () => [0x00, 0x53, 0x70]), [0x40]),
    )
    add(`${levels} lists`, nested(levels, 0xd0, []))
    add(`${levels} maps`, nested(levels, 0xd1, [0x40]))
    add(`${levels} arrays`, nestedArrays(levels))
  }
  add('many empty lists', join([0xd0], uint32(60_004), uint32(60_000), Buffer.alloc(60_000, 0x45)))
  add('a map of one key', join([0xc1, 3, 1, 0x40, 0x40]))
  add(
    'thirty bytes that ask for four billion elements',
    join([0xc0, 0x1c, 1, 0xf0], uint32(20), uint32(2 ** 32 - 1), [0x40], Buffer.alloc(15)),
  )
  return found
}

/** Bodies of AMQP and SASL frames: every hostile value in the place of a list and of its first field. */
export function hostileBodies(): HostileBytes[] {
  const found: HostileBytes[] = []
  const codes = [
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x40, 0x41, 0x44, 0x70, 0x72, 0x73, 0x75, 0x77, 0x78,
  ]
  const values = hostileValues()
  codes.forEach((code, i) => {
    // Each value behind some of the codes: all pairs would be tens of thousands, most of them the same path.
    for (let at = i; at < values.length; at += codes.length / 2) {
      const { name, bytes } = values[at] ?? { name: '', bytes: Buffer.alloc(0) }
      // The largest only where a decoder looks first.
      if (bytes.length > 10_000 && code !== 0x10) continue
      const head = [0x00, 0x53, code]
      found.push({ name: `${code.toString(16)}: ${name}`, bytes: join(head, bytes) })
      found.push({
        name: `${code.toString(16)} field: ${name}`,
        bytes: join(head, [0xd0], uint32(bytes.length + 4), uint32(1), bytes),
      })
    }
  })
  for (const number of hostileNumbers) {
    for (const code of codes) {
      found.push({
        name: `${code.toString(16)} of ${number} fields`,
        bytes: join([0x00, 0x53, code, 0xd0], uint32(12), uint32(number), Buffer.alloc(8, 0x40)),
      })
    }
  }
  found.push({ name: 'a descriptor that is a list of lists', bytes: join([0x00], nested(40, 0xd0, []), [0x45]) })
  return found
}

/** Streams of frames: sizes, offsets and types. */
export function hostileStreams(): HostileBytes[] {
  const found: HostileBytes[] = []
  for (const size of [...hostileNumbers, 7, 9, 511, 512, 513, 65_535, 65_537]) {
    for (const doff of [0, 1, 2, 3, 255]) {
      for (const type of [0, 1, 2, 255]) {
        found.push({
          name: `frame of ${size}, doff ${doff}, type ${type}`,
          bytes: join(uint32(size), [doff, type, 0xff, 0xff], Buffer.alloc(16, 0x40)),
        })
      }
    }
  }
  const header = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0])
  found.push({ name: 'headers for ever', bytes: Buffer.concat(Array.from({ length: 500 }, () => header)) })
  found.push({
    name: 'heartbeats for ever',
    bytes: Buffer.concat(Array.from({ length: 500 }, () => join(uint32(8), [2, 0, 0, 0]))),
  })
  found.push({ name: 'TLS', bytes: Buffer.from('16030100c8010000c40303', 'hex') })
  found.push({ name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n') })
  // A SASL init whose mechanism is an array of 2^32-1 nulls: a decoder that trusts the count (rhea 3.0.5) never comes back.
  found.push({
    name: '32 bytes before authentication',
    bytes: join(
      uint32(32),
      [2, 1, 0, 0], // doff, type SASL, channel
      [0x00, 0x53, 0x41, 0xc0, 19, 1], // sasl-init, list8 of 1
      [0xf0],
      uint32(13), // array32
      uint32(2 ** 32 - 1), // elements
      Buffer.alloc(9, 0x40), // of null
    ),
  })
  return found
}

/** Lists or maps inside one another, each with sizes that are right. */
function nested(levels: number, code: number, key: readonly number[]): Buffer {
  const headBytes = 9 + key.length
  const bytes = Buffer.alloc(levels * headBytes + 1, 0x40)
  for (let i = 0; i < levels; i += 1) {
    const at = i * headBytes
    bytes[at] = code
    bytes.writeUInt32BE(bytes.length - at - 5, at + 1)
    bytes.writeUInt32BE(1 + key.length, at + 5)
    bytes.set(key, at + 9)
  }
  return bytes
}

/** Arrays of one array each: the constructor comes once, in front of the element. */
function nestedArrays(levels: number): Buffer {
  const bytes = Buffer.alloc(1 + levels * 9 + 1, 0xf0)
  for (let i = 0; i < levels; i += 1) {
    const at = 1 + i * 9
    bytes.writeUInt32BE(bytes.length - at - 4, at)
    bytes.writeUInt32BE(1, at + 4)
  }
  bytes[bytes.length - 2] = 0x50
  return bytes
}
