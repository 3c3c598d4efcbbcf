// Builders of encoded events for the tests beside this file.

import { encodeMessage } from '../../../src/wire/amqp/message.ts'
import { annotations } from '../../../src/wire/amqp/names.ts'
import { type AmqpMap, type AmqpValue, stringValue, symbolValue } from '../../../src/wire/amqp/types.ts'

export const keyed = (key: string): [AmqpValue, AmqpValue] => [symbolValue(annotations.partitionKey), stringValue(key)]

/** An encoded event with a data body. */
export function eventOf(body: string | Buffer, entries: AmqpMap | null = null): Buffer {
  return encodeMessage({ messageAnnotations: entries, body: { kind: 'data', sections: [Buffer.from(body as string)] } })
}
