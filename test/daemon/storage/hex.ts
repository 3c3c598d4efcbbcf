// Bytes with the meaning of each field beside them.

/** One buffer of hexadecimal fields; spaces are for the eye. */
export function bytesOf(fields: readonly (readonly [hex: string, meaning: string])[]): Buffer {
  return Buffer.from(fields.map(([hex]) => hex.replaceAll(' ', '')).join(''), 'hex')
}

/** `count` zeros in hexadecimal. */
export function zeros(count: number): string {
  return '00'.repeat(count)
}
