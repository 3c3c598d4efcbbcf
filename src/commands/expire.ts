import { Args, Flags } from '@oclif/core'
import { formatDuration } from '../base/duration.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { showTrims } from '../cli/trim-view.ts'

export default class Expire extends BaseCommand {
  static override summary = 'Delete now what is older than the retention of a hub.'
  static override description =
    'Readers never get such events; the daemon deletes them by itself a little later, whole segments at a time.'
  static override examples = ['<%= config.bin %> expire orders', '<%= config.bin %> expire orders --trust-clock']
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    'trust-clock': Flags.boolean({
      summary: 'The clock is right: do not wait although it jumped ahead, or is far ahead of what was stored last.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Expire)
    const { partitions, doubt } = await this.control().call('expireHub', {
      hub: args.hub,
      isClockRight: flags['trust-clock'],
    })
    if (flags.json) return this.output.json({ partitions, doubt })
    await showTrims(this.output, args.hub, partitions)
    if (doubt === null) return
    this.output.note(
      `the clock is ${formatDuration(doubt.aheadMs)} ahead of what is believed: events expire by it in ${formatDuration(doubt.waitsMs)}, or now with --trust-clock`,
    )
  }
}
