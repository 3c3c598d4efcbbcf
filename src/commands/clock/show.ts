import { BaseCommand } from '../../cli/base-command.ts'
import { showClock } from '../../cli/clock-view.ts'

export default class ClockShow extends BaseCommand {
  static override summary = 'Show the clock the daemon goes by.'
  static override examples = ['<%= config.bin %> clock show', '<%= config.bin %> clock show --json | jq -r .now']

  async run(): Promise<void> {
    const { flags } = await this.parse(ClockShow)
    showClock(this.output, await this.control().call('showClock', {}), flags.json)
  }
}
