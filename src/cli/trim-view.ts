// What a trim removed, as `ehub expire` and `ehub purge` tell it.

import { formatBytes } from '../base/bytes-text.ts'
import type { TrimReply } from '../wire/control/contract.ts'
import type { Output } from './output.ts'

/** A row for each partition that had something to go or to be held, and the sum in words. */
export async function showTrims(output: Output, hub: string, trims: readonly TrimReply[]): Promise<void> {
  const rows = trims.filter(({ events, heldFrom }) => events > 0 || heldFrom !== null)
  if (rows.length > 0) {
    await output.table(
      [
        { title: 'PARTITION', align: 'right' },
        { title: 'EVENTS', align: 'right' },
        { title: 'SIZE', align: 'right' },
        { title: 'HELD FROM', align: 'right' },
      ],
      rows.map(({ partition, events, bytes, heldFrom }) => [
        partition,
        events,
        output.isTerminal ? formatBytes(bytes) : bytes,
        heldFrom,
      ]),
    )
  }
  const events = trims.reduce((sum, trim) => sum + trim.events, 0)
  output.note(events === 0 ? `nothing of ${hub} went` : `${events.toLocaleString('en-US')} events of ${hub} are gone`)
  if (trims.some(({ heldFrom }) => heldFrom !== null)) {
    output.note('what is held is kept until Capture has written it; "ehub capture" shows how far it is')
  }
}
