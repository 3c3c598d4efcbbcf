// Compression of Avro blocks (Avro 1.11 "Required codecs"). `null` and `deflate` every reader knows; Capture itself never
// writes `snappy`, other writers do.
//
//   deflate  raw, without zlib's header (RFC 1951)
//   snappy   one raw snappy block, then CRC-32 of the uncompressed bytes, big endian

import { promisify } from 'node:util'
import { crc32, deflateRaw, inflateRaw } from 'node:zlib'
import { EhubError } from '../../base/error.ts'

export const codecNames = ['null', 'deflate', 'snappy'] as const
export type CodecName = (typeof codecNames)[number]

export interface Codec {
  readonly name: CodecName
  /** Bytes of their own, or the bytes given where nothing is compressed. */
  compress(bytes: Buffer): Buffer | Promise<Buffer>
  /** @param bytesMax Refused beyond, before it is allocated. @throws EhubError `decode-error`. */
  decompress(bytes: Buffer, bytesMax: number): Buffer | Promise<Buffer>
}

const deflate = promisify(deflateRaw)
const inflate: (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer> = promisify(inflateRaw)

/** A snappy block begins with its uncompressed length in at most five bytes, and cannot grow more than so many times. */
const snappyGrowthMax = 64
const crcBytes = 4

const nullCodec: Codec = {
  name: 'null',
  compress: (bytes) => bytes,
  decompress: (bytes) => bytes,
}

const deflateCodec: Codec = {
  name: 'deflate',
  compress: (bytes) => deflate(bytes),
  decompress: async (bytes, bytesMax) => {
    try {
      return await inflate(bytes, { maxOutputLength: bytesMax })
    } catch (error) {
      const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      const reason = error instanceof Error ? error.message : String(error)
      throw wrong(isTooLarge ? `more than ${bytesMax} bytes` : `deflate: ${reason}`, error)
    }
  },
}

/** @throws EhubError `not-supported` naming the codec. */
export async function loadCodec(name: string): Promise<Codec> {
  if (name === 'null') return nullCodec
  if (name === 'deflate') return deflateCodec
  if (name === 'snappy') return snappyCodec()
  throw new EhubError('not-supported', `Avro codec "${name.slice(0, 40)}" is not known`, {
    hint: `this program reads ${codecNames.join(', ')}; avro-tools recodec turns one into another`,
  })
}

/** WebAssembly that is compiled when it is loaded, so only on demand. */
async function snappyCodec(): Promise<Codec> {
  const { snappyCompress, snappyDecompress } = await import('@platformatic/wasm-utils/bundled')
  return {
    name: 'snappy',
    compress: (bytes) => {
      const sum = Buffer.alloc(crcBytes)
      sum.writeUInt32BE(crc32(bytes))
      return Buffer.concat([snappyCompress(bytes), sum])
    },
    decompress: (bytes, bytesMax) => {
      const length = snappyLength(bytes)
      if (length > bytesMax || length > bytes.length * snappyGrowthMax) {
        throw wrong(`snappy: ${length} bytes from ${bytes.length}, at most ${bytesMax}`)
      }
      let plain: Buffer
      try {
        plain = snappyDecompress(bytes.subarray(0, bytes.length - crcBytes))
      } catch (error) {
        throw wrong('snappy: the bytes cannot be decompressed', error)
      }
      const expected = bytes.readUInt32BE(bytes.length - crcBytes)
      if (plain.length !== length || crc32(plain) !== expected) throw wrong('snappy: the checksum does not match')
      return plain
    },
  }
}

function snappyLength(bytes: Buffer): number {
  if (bytes.length < crcBytes + 1) throw wrong(`snappy: ${bytes.length} bytes are no block`)
  let length = 0
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[i] ?? 0
    length += (byte & 0x7f) * 128 ** i
    if (byte < 0x80) return length
  }
  throw wrong('snappy: no length in front')
}

function wrong(what: string, cause?: unknown): EhubError {
  return new EhubError('decode-error', what, cause === undefined ? {} : { cause })
}
