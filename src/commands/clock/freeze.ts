import { BaseCommand } from '../../cli/base-command.ts'
import { showClock } from '../../cli/clock-view.ts'

export default class ClockFreeze extends BaseCommand {
  static override summary = "Stop the daemon's clock; only what ehub clock advance lets pass goes by."
  static override examples = ['<%= config.bin %> clock freeze']

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockFreeze)
    showClock(this.output, await this.control().call('moveClock', { action: 'freeze' }), flags.json)
  }
}
