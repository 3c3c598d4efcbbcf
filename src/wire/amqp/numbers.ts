// Numbers at positions the caller has checked, big endian. Buffer's own methods check their arguments at each call, which
// at a million transfers a second shows.

export function uint32At(buffer: Buffer, at: number): number {
  return (
    (((buffer[at] ?? 0) << 24) |
      ((buffer[at + 1] ?? 0) << 16) |
      ((buffer[at + 2] ?? 0) << 8) |
      (buffer[at + 3] ?? 0)) >>>
    0
  )
}

/** @param value Taken modulo 2^32. */
export function putUint32(out: Buffer, at: number, value: number): void {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
}

/** @param value A safe integer, of either sign. */
export function putInt64(out: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  putUint32(out, at, high)
  putUint32(out, at + 4, value - high * 0x1_0000_0000)
}

/** Decimal digits. @param value 0..2^53-1. @returns How many digits, 1..16. */
export function putDecimal(out: Buffer, at: number, value: number): number {
  // Two halves of at most 27 bits: integer division is several times faster than division of doubles.
  const high = Math.floor(value / 100_000_000)
  const low = value - high * 100_000_000
  if (high === 0) {
    let digits = 1
    for (let power = 10; power <= low; power *= 10) digits += 1
    putDigits(out, at, low, digits)
    return digits
  }
  const digits = putDecimal(out, at, high)
  putDigits(out, at + digits, low, 8)
  return digits + 8
}

function putDigits(out: Buffer, at: number, value: number, digits: number): void {
  let left = value
  for (let i = at + digits - 1; i >= at; i -= 1) {
    const tenth = (left / 10) | 0
    out[i] = 0x30 + left - tenth * 10
    left = tenth
  }
}
