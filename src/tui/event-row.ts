// An event as the screen shows it: its place, key, properties and body bytes.

import type { AmqpValue } from '../wire/amqp/types.ts'
import type { Event } from '../wire/events/event.ts'
import type { EventRow } from './state.ts'

/** Bodies that are no bytes show as JSON-like text. */
export function eventRow(event: Event): EventRow {
  return {
    partition: Number(event.partition),
    sequence: event.sequence ?? -1,
    enqueuedMs: event.enqueuedTimeMs ?? 0,
    key: event.key,
    body: bodyBytes(event),
    properties: event.applicationProperties.map(([key, value]) => `${shown(key)}=${shown(value)}`),
  }
}

function bodyBytes({ body }: Event): Uint8Array {
  switch (body.kind) {
    case 'data':
      return Buffer.concat(body.sections)
    case 'none':
      return Buffer.alloc(0)
    case 'value':
      return Buffer.from(shown(body.value))
    case 'sequence':
      return Buffer.from(body.sections.map((section) => section.map(shown).join(', ')).join('; '))
  }
}

function shown(value: AmqpValue): string {
  if (value.type === 'null') return 'null'
  const inner: unknown = value.value
  if (
    typeof inner === 'string' ||
    typeof inner === 'number' ||
    typeof inner === 'bigint' ||
    typeof inner === 'boolean'
  ) {
    return String(inner)
  }
  return inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : `(${value.type})`
}
