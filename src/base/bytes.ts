// What every floor that handles bytes shares.

/** No bytes at all; one for everybody, for a fresh `Buffer.alloc(0)` costs the collector an ArrayBuffer each. */
export const emptyBuffer: Buffer = Buffer.alloc(0)
