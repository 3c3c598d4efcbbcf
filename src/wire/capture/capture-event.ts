// A captured record as an event again, for output, `import` and `send`. What Capture does not keep (exact integer widths,
// booleans, header, footer) cannot come back; docs/CLI.md says what does.

import type { MessageInput } from '../amqp/message.ts'
import { annotations as names } from '../amqp/names.ts'
import type { AmqpMap, AmqpValue } from '../amqp/types.ts'
import { emptyContent, type Event } from '../events/event.ts'
import { propertyNames } from './capture-encoder.ts'
import type { CaptureMap, CaptureRecord } from './capture-record.ts'
import { amqpValue, type CaptureValue } from './capture-value.ts'

/** The fields of AMQP's properties section by their names in files. */
const fields: ReadonlyMap<string, string> = new Map(
  propertyNames.map((name) => [name, name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())]),
)

/** @param hub Null where nobody knows; `partition` too. */
export function eventOfRecord(record: CaptureRecord, hub: string | null, partition: string | null): Event {
  const { sequence, offset, enqueuedTimeMs, body } = record
  let key: string | null = null
  let publisher: string | null = null
  let properties: Record<string, unknown> | null = null
  const annotations: [AmqpValue, AmqpValue][] = []
  for (const [name, value] of record.systemProperties) {
    if (name === names.enqueuedTime) continue
    if (name === names.partitionKey && value.branch === 'string') key = value.value
    else if (name === names.publisher && value.branch === 'string') publisher = value.value
    else {
      const field = fields.get(name)
      const fieldValue = field === undefined ? undefined : propertyField(field, value)
      if (field !== undefined && fieldValue !== undefined) (properties ??= {})[field] = fieldValue
      else annotations.push([{ type: 'symbol', value: name }, amqpValue(value)])
    }
  }
  return {
    ...emptyContent,
    hub,
    partition,
    sequence,
    offset,
    enqueuedTimeMs,
    key,
    publisher,
    annotations,
    properties: properties as MessageInput['properties'],
    applicationProperties: mapOf(record.properties),
    body: body === null ? { kind: 'none' } : { kind: 'data', sections: [body] },
  }
}

const noEntries: AmqpMap = []

function mapOf(map: CaptureMap): AmqpMap {
  if (map.length === 0) return noEntries
  return map.map(([name, value]) => [{ type: 'string', value: name }, amqpValue(value)] as const)
}

/** The field's value in our objects; undefined for a branch it cannot have been captured from. */
function propertyField(field: string, { branch, value }: CaptureValue): unknown {
  switch (field) {
    case 'messageId':
    case 'correlationId':
      if (branch === 'string') return { type: 'string', value }
      if (branch === 'bytes') return { type: 'binary', value }
      return branch === 'long' && value >= 0 ? { type: 'ulong', value: BigInt(value) } : undefined
    case 'userId':
      return branch === 'bytes' ? value : undefined
    case 'absoluteExpiryTime':
    case 'creationTime':
      return branch === 'long' ? BigInt(value) : undefined
    case 'groupSequence':
      return branch === 'long' && value >= 0 && value <= 0xffff_ffff ? Number(value) : undefined
    default:
      return branch === 'string' ? value : undefined
  }
}
