import { Args, Flags } from '@oclif/core'
import { SystemClock } from '../base/clock.ts'
import { keepProcess } from '../base/keep-process.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { compactHub, showCompactions } from '../cli/compact-hub.ts'

export default class Compact extends BaseCommand {
  static override summary = 'Compact a hub now: of each key only the newest event stays.'
  static override description =
    'For hubs with --cleanup compact or delete-or-compact. The daemon does it by itself when half of what a partition stores is new. Sequence numbers and offsets stay.'
  static override examples = ['<%= config.bin %> compact prices', '<%= config.bin %> compact prices -p 0 --json']
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    partition: Flags.integer({
      char: 'p',
      summary: 'Only this partition; may be repeated.',
      multiple: true,
      helpValue: 'N',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Compact)
    const control = this.control()
    const hold = keepProcess()
    const { name, partitionCount } = await control.call('describeHub', { hub: args.hub })
    const partitions = flags.partition ?? Array.from({ length: partitionCount }, (_, index) => index)
    const done = await compactHub(control, name, partitions, { clock: new SystemClock(), output: this.output })
    hold.release()
    if (flags.json) return this.output.json({ hub: name, partitions: done })
    await showCompactions(this.output, name, done)
  }
}
