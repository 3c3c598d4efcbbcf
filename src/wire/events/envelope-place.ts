// Where an event was, by its JSON envelope: what `import` may keep. Members that are missing or of another kind are not known,
// which is no error: the envelope is also written by hand.

import type { EventPlace } from './event.ts'
import type { Envelope } from './event-json.ts'

export function placeOfEnvelope(envelope: Envelope): EventPlace {
  const { hub, partition, seq, offset, enqueued, publisher } = envelope
  const timeMs = typeof enqueued === 'string' ? Date.parse(enqueued) : Number.NaN
  return {
    hub: typeof hub === 'string' ? hub : null,
    partition: typeof partition === 'number' ? String(partition) : typeof partition === 'string' ? partition : null,
    sequence: typeof seq === 'number' && Number.isSafeInteger(seq) ? seq : null,
    offset: typeof offset === 'string' ? offset : null,
    enqueuedTimeMs: Number.isNaN(timeMs) ? null : timeMs,
    publisher: typeof publisher === 'string' ? publisher : null,
  }
}
