import { Args } from '@oclif/core'
import { parseDuration } from '../../base/duration.ts'
import { BaseCommand } from '../../cli/base-command.ts'
import { showClock } from '../../cli/clock-view.ts'

export default class ClockAdvance extends BaseCommand {
  static override summary = 'Let time pass for the daemon; returns when what came due has run.'
  static override examples = ['<%= config.bin %> clock advance 7d', '<%= config.bin %> clock advance 90s']
  static override args = {
    duration: Args.string({ ignoreStdin: true, required: true, description: 'How long: 90s, 12h, 7d.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ClockAdvance)
    const byMs = parseDuration(args.duration)
    showClock(this.output, await this.control().call('moveClock', { action: 'advance', byMs }), flags.json)
  }
}
