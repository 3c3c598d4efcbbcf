// IEEE 754-2008 decimals as text, in the binary integer encoding AMQP carries (AMQP 1.0 §1.6.13–15):
//
//   sign 1 | combination: exponent, or 11 and then the exponent | coefficient        32, 64 or 128 bits
//   special: 11110 infinity, 11111 not a number
//
// Text as .NET and Java write it: digits and point, an `E` only where the exponent is positive or there would be many zeros.

interface Layout {
  readonly bits: bigint
  readonly exponentBits: bigint
  readonly bias: number
  readonly coefficientMax: bigint
}

const layouts: Readonly<Record<number, Layout>> = {
  4: { bits: 32n, exponentBits: 8n, bias: 101, coefficientMax: 10n ** 7n - 1n },
  8: { bits: 64n, exponentBits: 10n, bias: 398, coefficientMax: 10n ** 16n - 1n },
  16: { bits: 128n, exponentBits: 14n, bias: 6176, coefficientMax: 10n ** 34n - 1n },
}

// As many zeros as java.math.BigDecimal writes before it turns to an exponent.
const plainExponentMin = -6

/** @param bytes 4, 8 or 16, as on the wire. */
export function decimalText(bytes: Buffer): string {
  const layout = layouts[bytes.length]
  if (layout === undefined) return bytes.toString('hex')
  const { bits, exponentBits, bias, coefficientMax } = layout
  const value = BigInt(`0x${bytes.toString('hex')}`)
  const sign = (value >> (bits - 1n)) & 1n ? '-' : ''
  const special = (value >> (bits - 6n)) & 0x1fn
  if (special === 0x1en) return `${sign}Infinity`
  if (special === 0x1fn) return 'NaN'
  const isLong = ((value >> (bits - 3n)) & 3n) === 3n
  const coefficientBits = bits - 1n - exponentBits - (isLong ? 2n : 0n)
  const exponent = Number((value >> coefficientBits) & ((1n << exponentBits) - 1n)) - bias
  const low = value & ((1n << coefficientBits) - 1n)
  // The long form has an implied 100 in front. What is larger than the type's digits stands for zero (§3.3.2 of IEEE 754).
  const full = isLong ? low | (0b100n << coefficientBits) : low
  const coefficient = full > coefficientMax ? 0n : full
  return sign + placed(coefficient.toString(), exponent)
}

function placed(digits: string, exponent: number): string {
  const adjusted = exponent + digits.length - 1
  if (exponent > 0 || adjusted < plainExponentMin) {
    const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
    return `${mantissa}E${adjusted < 0 ? '' : '+'}${adjusted}`
  }
  if (exponent === 0) return digits
  const padded = digits.padStart(1 - exponent, '0')
  return `${padded.slice(0, padded.length + exponent)}.${padded.slice(padded.length + exponent)}`
}
