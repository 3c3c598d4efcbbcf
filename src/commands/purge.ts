import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { confirm } from '../cli/confirm.ts'
import { confirmFlags } from '../cli/flags.ts'
import { purge } from '../cli/purge-command.ts'
import { showTrims } from '../cli/trim-view.ts'

export default class Purge extends BaseCommand {
  static override summary = 'Delete the events of a hub before a position, whatever their age.'
  static override examples = [
    '<%= config.bin %> purge orders --before @-2h',
    '<%= config.bin %> purge orders --before end --yes',
    '<%= config.bin %> purge orders --before 0=seq:1000',
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    before: Flags.string({
      summary: 'The first event that stays. A position as for receive --from; partitions not named stay as they are.',
      helpValue: 'POS',
      required: true,
    }),
    ...confirmFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Purge)
    const control = this.control()
    const trims = await purge(control, args.hub, flags.before, this.clock.now(), (events) =>
      confirm(`Delete ${events.toLocaleString('en-US')} events of ${args.hub}?`, {
        isYes: flags.yes,
        isInputOff: flags['no-input'],
      }),
    )
    if (flags.json) return this.output.json({ partitions: trims })
    await showTrims(this.output, args.hub, trims)
  }
}
