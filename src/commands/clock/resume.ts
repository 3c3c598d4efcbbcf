import { BaseCommand } from '../../cli/base-command.ts'
import { showClock } from '../../cli/clock-view.ts'

export default class ClockResume extends BaseCommand {
  static override summary = "Let the daemon's clock go on from where it was stopped."
  static override examples = ['<%= config.bin %> clock resume']

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockResume)
    showClock(this.output, await this.control().call('moveClock', { action: 'resume' }), flags.json)
  }
}
