// How far a segment says that it goes where nothing in it is intact. When the commit journal is lost, too, nothing else can
// tell a torn tail from what was acknowledged, and what may have been acknowledged is never cut: it is a damaged range.
// The headers of envelopes that are not whole then say, unproven but plausible, where that range ends.

import { ByteWindow } from './byte-window.ts'
import { decodeEnvelopeHeader, envelopeHeaderBytes, envelopeMagicBytes, headerBytes, needleOffset } from './format.ts'
import type { LogFiles } from './log-files.ts'
import type { Segment } from './segment.ts'
import type { Position } from './storage-engine.ts'

/**
 * @param from Where intact envelopes end in the segment's file.
 * @param expected Where the log goes on there.
 * @returns The furthest end that a header at or behind `from` claims; one event behind `expected` when bytes follow and none
 *   of them is a header; null when nothing follows. @throws DiskError
 */
export async function claimedEnd(
  files: LogFiles,
  segment: Segment,
  from: number,
  expected: Position,
): Promise<Position | null> {
  const held = await files.hold(segment)
  try {
    const window = new ByteWindow(held.file, await held.file.size())
    const begin = Math.max(from, headerBytes)
    // An event takes a byte at least: a header that claims more than the file could hold is damaged itself.
    const room = window.size - begin
    let end: Position | null = null
    let at = await window.find(envelopeMagicBytes, needleOffset, begin)
    for (; at !== null; at = await window.find(envelopeMagicBytes, needleOffset, at + 8)) {
      const header = decodeEnvelopeHeader(await window.read(at, envelopeHeaderBytes), 0)
      if (header === null || header.logIdentity !== segment.logIdentity) continue
      if (segment.header !== null && header.generation !== segment.header.generation) continue
      const sequence = header.baseSequence + header.count
      const offset = header.baseOffset + header.lengthBytes - envelopeHeaderBytes
      const isPlausible =
        header.baseSequence >= (end ?? expected).sequence && sequence - expected.sequence <= room && offset >= 0
      if (isPlausible) end = { sequence, offset: Math.max(offset, expected.offset) }
    }
    if (end !== null || segment.header !== null) return end
    // Not even the segment's own header can be read.
    const isFilled = await hasContent(window, begin)
    return isFilled ? { sequence: expected.sequence + 1, offset: expected.offset } : null
  } finally {
    held.release()
  }
}

async function hasContent(window: ByteWindow, from: number): Promise<boolean> {
  for (let at = from; at < window.size; ) {
    const bytes = await window.read(at, 64 * 1024)
    if (bytes.length === 0) return false
    if (bytes.some((byte) => byte !== 0)) return true
    at += bytes.length
  }
  return false
}
