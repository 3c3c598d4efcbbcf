// The clock of the daemon, as `ehub clock` tells it.

import { formatDuration } from '../base/duration.ts'
import type { ClockReply } from '../wire/control/contract.ts'
import type { Output } from './output.ts'

export function showClock(output: Output, clock: ClockReply, isJson: boolean): void {
  if (isJson) return output.json({ ...clock, now: new Date(clock.nowMs).toISOString() })
  const { mode, nowMs, aheadMs, isFrozen, doubt } = clock
  const away = `${formatDuration(Math.abs(aheadMs))} ${aheadMs < 0 ? 'behind' : 'ahead of'} the machine's`
  output.pairs([
    ['now', new Date(nowMs).toISOString()],
    ['clock', mode === 'system' ? "the machine's" : isFrozen ? 'adjustable, frozen' : 'adjustable'],
    ...(Math.abs(aheadMs) < 1000 ? [] : [['offset', away] as const]),
  ])
  if (doubt === null) return
  output.note(
    `it is ${formatDuration(doubt.aheadMs)} ahead of what retention believes, which follows in ${formatDuration(doubt.waitsMs)}`,
  )
}
