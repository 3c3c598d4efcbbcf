// Whole numbers up to 2^53 as 64-bit little-endian fields, without a detour over bigint: two 32-bit halves. Every number
// field on disk is little-endian. Used by the format files only.

const half = 2 ** 32

/** Writes a safe non-negative integer. */
export function writeU64(into: Buffer, value: number, at: number): void {
  // `>>> 0` takes a number modulo 2^32.
  into.writeUInt32LE(value >>> 0, at)
  into.writeUInt32LE(Math.floor(value / half), at + 4)
}

/** A value above 2^53 - 1 cannot have been written by us; it comes back as Infinity, which no check accepts. */
export function readU64(from: Buffer, at: number): number {
  const high = from.readUInt32LE(at + 4)
  return high > 0x1fffff ? Infinity : high * half + from.readUInt32LE(at)
}

/** As `writeU64` with room for null, which is all ones. */
export function writeU64OrNull(into: Buffer, value: number | null, at: number): void {
  if (value === null) into.fill(0xff, at, at + 8)
  else writeU64(into, value, at)
}

export function readU64OrNull(from: Buffer, at: number): number | null {
  const value = readU64(from, at)
  return value === Infinity ? null : value
}

/** Rounded up to the 8 bytes everything on disk is aligned to. */
export function align8(bytes: number): number {
  return bytes + (-bytes & 7)
}
