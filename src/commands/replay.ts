import { Args, Flags } from '@oclif/core'
import { DataCommand, dataFlags } from '../cli/data-command.ts'

export default class Replay extends DataCommand {
  static override summary = 'Publish a range of a hub again, into another hub.'
  static override examples = [
    '<%= config.bin %> replay orders --into orders-test',
    '<%= config.bin %> replay orders --from @-1h --into orders-test --speed 10x',
    '<%= config.bin %> replay orders --into orders --into-connection-string @test.connstr --preserve-time',
  ]
  static override args = {
    hub: Args.string({ ignoreStdin: true, description: 'Name of the hub to read.' }),
  }
  static override flags = {
    ...dataFlags,
    into: Flags.string({ summary: 'Hub to write to.', required: true, helpValue: 'HUB' }),
    'into-connection-string': Flags.string({
      summary: 'Its namespace, when it is another: the string, or @FILE.',
      helpValue: 'STR|@FILE',
    }),
    from: Flags.string({ summary: 'Where to begin; by default at the beginning.', helpValue: 'POS' }),
    to: Flags.string({ summary: 'Where to end; by default at the end as it is now.', helpValue: 'POS' }),
    partition: Flags.string({ char: 'p', summary: 'Partitions, such as 0,2,4-7; all by default.', helpValue: 'LIST' }),
    group: Flags.string({ char: 'g', summary: 'Consumer group to read with.', default: '$Default', helpValue: 'NAME' }),
    speed: Flags.string({
      summary: 'Pace by the times the events had, all partitions in one order: 1x, 10x; or max.',
      default: 'max',
      helpValue: 'Nx|max',
    }),
    rate: Flags.string({ summary: 'At most so many events: 100/s, 600/m.', helpValue: 'N/s' }),
    'preserve-time': Flags.boolean({ summary: 'Keep the time an event had as property original-enqueued-time.' }),
    'shift-time': Flags.string({
      summary: 'Move the times kept by so much; now: so that the first one is now.',
      helpValue: '[-]DUR|now',
    }),
    'keep-partition': Flags.boolean({ summary: 'Send events to the partitions they were in.' }),
    'keep-key': Flags.boolean({ summary: 'Keep partition keys.', default: true, allowNo: true }),
    'skip-errors': Flags.boolean({ summary: 'Leave out events that cannot be sent, list them, exit with 9.' }),
    'no-progress': Flags.boolean({ summary: 'No progress on stderr.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Replay)
    const elsewhere = flags['into-connection-string']
    const { replayCommand } = await import('../cli/replay-command.ts')
    await replayCommand({
      flags,
      source: this.target(args.hub, flags),
      into: this.target(flags.into, elsewhere === undefined ? flags : { ...flags, 'connection-string': elsewhere }),
      clock: this.clock,
      random: this.random,
      output: this.output,
      interrupts: this.begin(),
      retryDeadlineMs: this.timeoutMs ?? this.retryDeadlineMs,
      connect: (target) => this.hubClient(target),
    })
  }
}
