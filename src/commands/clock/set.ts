import { Args, Flags } from '@oclif/core'
import { EhubError } from '../../base/error.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { showClock } from '../../cli/clock-view.ts'
import { parsePosition } from '../../wire/events/position.ts'

export default class ClockSet extends BaseCommand {
  static override summary = "Set the daemon's clock: time passes until then, or the clock goes back."
  static override examples = [
    '<%= config.bin %> clock set 2026-12-01T00:00:00Z',
    '<%= config.bin %> clock set 2027-01-01 --jump',
  ]
  static override args = {
    time: Args.string({ ignoreStdin: true, required: true, description: 'A date, or a date and time; UTC.' }),
  }
  static override flags = {
    jump: Flags.boolean({
      summary: "No time passes: as if somebody had set the machine's clock wrong, or right.",
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ClockSet)
    const control = this.control()
    const { nowMs } = await control.call('showClock', {})
    const position = parsePosition(`@${args.time.replace(/^@/, '')}`, nowMs)
    if (position.kind !== 'time') throw new EhubError('usage', `"${args.time}" is no time`)
    const action = flags.jump ? 'jump' : 'set'
    showClock(this.output, await control.call('moveClock', { action, timeMs: position.timeMs }), flags.json)
  }
}
