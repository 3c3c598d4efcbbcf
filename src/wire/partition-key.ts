// Which partition a partition key belongs to: the hash the service's gateway uses (Bob Jenkins' lookup3, `hashlittle2` with
// both seeds 0), as the official SDKs carry it for their buffered producers. Changing it moves keys to other partitions.

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

/**
 * The signed 16-bit hash of a key: low half of `c XOR b` over the key's UTF-8 bytes, case-sensitive, not normalised.
 * The empty key hashes to 0.
 */
export function hashPartitionKey(key: string): number {
  const bytes = Buffer.from(key, 'utf8')
  let a = (0xdeadbeef + bytes.length) | 0
  let b = a
  let c = a
  let at = 0
  let left = bytes.length
  while (left > 12) {
    a = (a + bytes.readInt32LE(at)) | 0
    b = (b + bytes.readInt32LE(at + 4)) | 0
    c = (c + bytes.readInt32LE(at + 8)) | 0
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
    at += 12
    left -= 12
  }
  // Only the empty key leaves without the final mix.
  if (left === 0) return ((c ^ b) << 16) >> 16
  a = (a + tailWord(bytes, at, left)) | 0
  b = (b + tailWord(bytes, at + 4, left - 4)) | 0
  c = (c + tailWord(bytes, at + 8, left - 8)) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return ((c ^ b) << 16) >> 16
}

/** Partition of a key in a hub of `partitionCount` partitions (1 or more): `|hash mod count|`, remainder as in C. */
export function partitionOfKey(key: string, partitionCount: number): number {
  return Math.abs(hashPartitionKey(key) % partitionCount)
}

/** Up to four bytes at `at`, little-endian; bytes beyond `available` count as zero. */
function tailWord(bytes: Buffer, at: number, available: number): number {
  let word = 0
  for (let index = 0; index < 4 && index < available; index += 1) word |= (bytes[at + index] ?? 0) << (8 * index)
  return word
}
