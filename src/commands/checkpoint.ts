import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { confirmFlags } from '../cli/flags.ts'

const actions = ['to', 'by', 'from-group', 'import', 'repair', 'delete', 'export']

function oneOfThem(name: string): { readonly exclusive: string[] } {
  return { exclusive: actions.filter((action) => action !== name) }
}

export default class CheckpointCommand extends BaseCommand {
  static override summary = "Show a group's checkpoints, move, copy or delete them."
  static override examples = [
    '<%= config.bin %> checkpoint orders -g billing',
    '<%= config.bin %> checkpoint orders -g billing --to @-1h --dry-run',
    '<%= config.bin %> checkpoint orders -g billing -p 2 --to seq:41 --yes',
    '<%= config.bin %> checkpoint orders -g billing --by -100 --yes',
    '<%= config.bin %> checkpoint orders -g billing --from-group audit --yes',
    '<%= config.bin %> checkpoint orders -g billing --export before.json',
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
      ...oneOfThem('to'),
    }),
    by: Flags.integer({ summary: 'Move by so many events, back below 0.', helpValue: '±N', ...oneOfThem('by') }),
    'from-group': Flags.string({
      summary: 'Set to where another group of this hub is.',
      helpValue: 'NAME',
      ...oneOfThem('from-group'),
    }),
    import: Flags.string({
      summary: 'Set to what a file of --export says; - for stdin.',
      helpValue: 'FILE',
      ...oneOfThem('import'),
    }),
    repair: Flags.boolean({
      summary: 'Set those beyond the last event, where no reader can go on, to the last event.',
      ...oneOfThem('repair'),
    }),
    delete: Flags.boolean({ summary: 'Delete: reading begins anew.', ...oneOfThem('delete') }),
    export: Flags.string({
      summary: 'Write them to a file as JSON, change nothing; - for stdout.',
      helpValue: 'FILE',
      ...oneOfThem('export'),
    }),
    store: Flags.string({
      summary: 'Container that keeps them, or $daemon; by default where one was written last.',
      helpValue: 'NAME',
    }),
    'dry-run': Flags.boolean({ summary: 'Show what would change, change nothing.' }),
    ...confirmFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CheckpointCommand)
    const { checkpointCommand } = await import('../cli/checkpoint-command.ts')
    await checkpointCommand({ flags, clock: this.clock, output: this.output, hub: args.hub, control: this.control() })
  }
}
