// What `ehub clock` shows and moves. A daemon whose clock is the machine's shows it and refuses the rest.

import { AdjustableClock } from '../base/adjustable-clock.ts'
import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { ClockDoubtReply, ClockReply, ControlRequest } from '../wire/control/contract.ts'

export interface ClockControl {
  show(): ClockReply
  /** Resolves when what came due by it has run. @throws EhubError `not-allowed`, `argument-error`, `argument-out-of-range`. */
  move(request: ControlRequest<'moveClock'>): Promise<ClockReply>
}

/** A century at a time is more than any test needs, and far from where dates end. */
const moveMsMax = 100 * 366 * 86_400_000

export function clockControl(clock: Clock, doubt: () => ClockDoubtReply | null): ClockControl {
  const adjustable = clock instanceof AdjustableClock ? clock : null
  const show = (): ClockReply => ({
    mode: adjustable === null ? 'system' : 'adjustable',
    nowMs: clock.now(),
    aheadMs: adjustable?.aheadMs ?? 0,
    isFrozen: adjustable?.isFrozen ?? false,
    doubt: doubt(),
  })
  const move = async ({ action, timeMs, byMs }: ControlRequest<'moveClock'>): Promise<ClockReply> => {
    if (adjustable === null) {
      throw new EhubError('not-allowed', "the clock of this daemon is the machine's and cannot be moved", {
        hint: 'start the daemon with --clock adjustable',
      })
    }
    switch (action) {
      case 'advance':
        await adjustable.advance(checkedSpan(required(byMs, 'byMs'), 0))
        break
      case 'set': {
        const ms = checkedSpan(required(timeMs, 'timeMs') - adjustable.now(), -moveMsMax)
        // Time never passes backwards: that is a clock being set back.
        if (ms < 0) adjustable.jump(ms)
        else await adjustable.advance(ms)
        break
      }
      case 'jump':
        adjustable.jump(checkedSpan(required(timeMs, 'timeMs') - adjustable.now(), -moveMsMax))
        break
      case 'freeze':
        adjustable.freeze()
        break
      case 'resume':
        adjustable.resume()
        break
      default:
        throw new EhubError('argument-error', `"${action}" is nothing a clock does: set, jump, advance, freeze, resume`)
    }
    return show()
  }
  return { show, move }
}

function required(ms: number | undefined, name: string): number {
  if (ms === undefined) throw new EhubError('argument-error', `"${name}" is missing`)
  return ms
}

function checkedSpan(ms: number, min: number): number {
  if (ms >= min && ms <= moveMsMax) return ms
  const what =
    min === 0 && ms < 0 ? 'time does not pass backwards: ehub clock set goes back' : 'at most 100 years at a time'
  throw new EhubError('argument-out-of-range', `the clock cannot be moved by ${ms} ms: ${what}`)
}
