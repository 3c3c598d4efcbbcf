// The table in front of the payload of an envelope that compaction thinned (docs/FORMAT.md, "Compacted envelope"):
//
//   | events u32 | listed u32 | offset span u32 | 0 u32 | cleaned at u64 or none | listed × (sequence u32, offset u32) |
//   0            4            8                 12      16                       24

import { readU64OrNull, writeU64OrNull } from './bytes.ts'
import type { Survivors } from './storage-engine.ts'

const headBytes = 24
const entryBytes = 8

export function survivorTableBytes({ listed }: Survivors): number {
  return headBytes + (listed === null ? 0 : listed.sequences.length * entryBytes)
}

export function encodeSurvivors(into: Buffer, survivors: Survivors, at: number): void {
  const { count, listed, offsetSpan, cleanedAtMs } = survivors
  into.writeUInt32LE(count, at)
  into.writeUInt32LE(listed?.sequences.length ?? 0, at + 4)
  into.writeUInt32LE(offsetSpan, at + 8)
  into.writeUInt32LE(0, at + 12)
  writeU64OrNull(into, cleanedAtMs, at + 16)
  if (listed === null) return
  let entry = at + headBytes
  for (const [index, sequence] of listed.sequences.entries()) {
    into.writeUInt32LE(sequence, entry)
    into.writeUInt32LE(listed.offsets[index] ?? 0, entry + 4)
    entry += entryBytes
  }
}

/**
 * Null for a table nobody writes: longer than its envelope, or with numbers that do not rise within the batch.
 * @param range Sequences the batch stands for.
 */
export function decodeSurvivors(from: Buffer, at: number, end: number, range: number): Survivors | null {
  if (end - at < headBytes) return null
  const count = from.readUInt32LE(at)
  const listedCount = from.readUInt32LE(at + 4)
  const isListed = listedCount > 0
  if (count > range || (isListed && listedCount !== count)) return null
  if (listedCount > (end - at - headBytes) / entryBytes) return null
  const offsetSpan = from.readUInt32LE(at + 8)
  const sequences = new Uint32Array(listedCount)
  const offsets = new Uint32Array(listedCount)
  for (let index = 0, entry = at + headBytes; index < listedCount; index++, entry += entryBytes) {
    const sequence = from.readUInt32LE(entry)
    const offset = from.readUInt32LE(entry + 4)
    const isRising = index === 0 || (sequence > (sequences[index - 1] ?? 0) && offset > (offsets[index - 1] ?? 0))
    if (!isRising || sequence >= range || offset >= offsetSpan) return null
    sequences[index] = sequence
    offsets[index] = offset
  }
  const listed = isListed ? { sequences, offsets } : null
  return { count, listed, offsetSpan, cleanedAtMs: readU64OrNull(from, at + 16) }
}
