import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { confirmFlags } from '../cli/flags.ts'

export default class CheckpointCommand extends BaseCommand {
  static override summary = "Show a group's checkpoints, set them to a position, or delete them."
  static override examples = [
    '<%= config.bin %> checkpoint orders -g billing',
    '<%= config.bin %> checkpoint orders -g billing --to @-1h --dry-run',
    '<%= config.bin %> checkpoint orders -g billing -p 2 --to seq:41 --yes',
    '<%= config.bin %> checkpoint orders -g billing --delete --yes',
  ]
  static override args = {
    hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }),
  }
  static override flags = {
    group: Flags.string({ char: 'g', summary: 'Consumer group.', default: '$Default', helpValue: 'NAME' }),
    partition: Flags.string({ char: 'p', summary: 'Partitions, such as 0,2,4-7; all by default.', helpValue: 'LIST' }),
    to: Flags.string({
      summary: 'Set: reading with --checkpoint begins there. A position as for receive --from.',
      helpValue: 'POS',
      exclusive: ['delete'],
    }),
    delete: Flags.boolean({ summary: 'Delete: reading begins anew.' }),
    'dry-run': Flags.boolean({ summary: 'Show what would be set or deleted, change nothing.' }),
    ...confirmFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CheckpointCommand)
    const { checkpointCommand } = await import('../cli/checkpoint-command.ts')
    await checkpointCommand({ flags, clock: this.clock, output: this.output, hub: args.hub, control: this.control() })
  }
}
