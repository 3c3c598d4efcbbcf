// The position filter of Event Hubs, as the SDKs send it.

import rhea from 'rhea'

const name = 'apache.org:selector-filter:string'

/** After the event with this sequence number; -1: from the beginning. */
export function afterSequence(sequence) {
  const expression =
    sequence < 0 ? "amqp.annotation.x-opt-offset > '-1'" : `amqp.annotation.x-opt-sequence-number > '${sequence}'`
  return { [name]: rhea.types.wrap_described(expression, 0x468c00000004) }
}
