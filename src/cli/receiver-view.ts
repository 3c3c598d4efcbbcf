// Receivers as rows of a table.

import type { ReceiverReply } from '../wire/control/contract.ts'
import type { Cell, Column } from './output.ts'

export const receiverColumns: readonly Column[] = [
  { title: 'ID', align: 'right' },
  { title: 'HUB' },
  { title: 'GROUP' },
  { title: 'PARTITION', align: 'right' },
  { title: 'NAME' },
  { title: 'OWNER LEVEL', align: 'right' },
  { title: 'NEXT', align: 'right' },
  { title: 'CREDIT', align: 'right' },
  { title: 'DELIVERED', align: 'right' },
  { title: 'SINCE' },
  { title: 'FROM' },
]

export function receiverRow(receiver: ReceiverReply): readonly Cell[] {
  return [
    receiver.id,
    receiver.hub,
    receiver.group,
    receiver.partition,
    receiver.name,
    receiver.ownerLevel,
    receiver.nextSequence,
    receiver.credit,
    receiver.deliveredCount,
    new Date(receiver.openedAtMs).toISOString(),
    receiver.origin,
  ]
}
