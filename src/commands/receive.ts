import { Args, Flags } from '@oclif/core'
import { DataCommand, dataFlags } from '../cli/data-command.ts'
import { balanceStrategies } from '../wire/load-balancer.ts'
import { bodyModes, outputKinds } from '../cli/receive-output.ts'

export default class Receive extends DataCommand {
  static override summary = 'Receive events: follow a hub, or read a stretch of it.'
  static override description =
    'Positions: beginning, end, 42 or seq:42 (seq:>42 behind it), off:1024, +10, -10, @2026-11-20T09:00:00Z, @1763629200, @-15m, checkpoint, or for each partition 0=seq:5,1=@-1h,*=end.'
  static override examples = [
    '<%= config.bin %> receive orders                                 # follow',
    '<%= config.bin %> receive orders --from beginning -e --json | jq -r .body',
    '<%= config.bin %> receive orders --from @-15m -n 20',
    '<%= config.bin %> receive orders -g billing --checkpoint         # in several terminals: shared',
    "<%= config.bin %> receive orders --tail 5 -f '%p %n %k %s\\n'",
    '<%= config.bin %> receive -c @prod.connstr telemetry --tail 5    # Azure',
  ]
  static override args = {
    hub: Args.string({
      ignoreStdin: true,
      description: 'Name of the hub; may be left out when the connection string names it.',
    }),
  }
  static override flags = {
    ...dataFlags,
    group: Flags.string({ char: 'g', summary: 'Consumer group.', default: '$Default', helpValue: 'NAME' }),
    partition: Flags.string({ char: 'p', summary: 'Partitions, such as 0,2,4-7; all by default.', helpValue: 'LIST' }),
    from: Flags.string({
      summary: 'Where to begin; by default at the end, or at the beginning when an end is asked for.',
      helpValue: 'POS',
    }),
    to: Flags.string({ summary: 'Where to end; an event named by it is the last one read.', helpValue: 'POS' }),
    between: Flags.string({ summary: 'Events enqueued from one time to before another.', helpValue: '@T1..@T2' }),
    'from-default': Flags.string({
      summary: 'Where to begin in partitions without a checkpoint.',
      default: 'beginning',
      helpValue: 'POS',
    }),
    count: Flags.integer({ char: 'n', summary: 'Stop after so many events in all.', min: 1, helpValue: 'N' }),
    tail: Flags.integer({ summary: 'The last events of each partition, then stop.', min: 1, helpValue: 'N' }),
    'exit-at-end': Flags.boolean({ char: 'e', summary: 'Stop at the end as it is at the start.' }),
    idle: Flags.string({ summary: 'Stop when nothing has come for so long.', helpValue: 'DUR' }),
    min: Flags.integer({ summary: 'Exit with 8 when fewer events came.', min: 1, helpValue: 'N' }),
    epoch: Flags.integer({ summary: 'Read exclusively, with this owner level.', min: 0, helpValue: 'N' }),
    prefetch: Flags.integer({
      summary: 'Events asked for ahead in each partition; by default 300, more when they are small.',
      min: 1,
      max: 10_000,
      helpValue: 'N',
    }),
    checkpoint: Flags.boolean({
      summary: "Begin at the group's checkpoint and keep it while reading; share the partitions with others that do.",
    }),
    'checkpoint-every': Flags.string({
      summary: 'How often it is kept: events or a duration.',
      default: '5s',
      helpValue: 'N|DUR',
    }),
    store: Flags.string({
      summary: 'Container of checkpoints and claims, or $daemon; by default where one was written last.',
      helpValue: 'NAME',
    }),
    strategy: Flags.option({
      summary: 'How partitions are shared with other processors: one claim a cycle, or all at once.',
      options: balanceStrategies,
    })(),
    'balance-every': Flags.string({ summary: 'How often they are shared anew; 10s by default.', helpValue: 'DUR' }),
    'ownership-expires': Flags.string({
      summary: 'A processor that renewed nothing for so long is dead; 60s by default.',
      helpValue: 'DUR',
    }),
    output: Flags.option({
      char: 'o',
      summary: 'What is written: text on a terminal, raw bodies a line each in a pipe.',
      options: outputKinds,
    })(),
    format: Flags.string({
      char: 'f',
      summary: "What is written for each event: '%p %n %k %s\\n', or {{partition}} {{seq}} {{body}} {{prop.x}}.",
      helpValue: 'TPL',
    }),
    body: Flags.option({ summary: 'How --json shows bodies.', options: bodyModes, default: 'auto' })(),
    delimiter: Flags.string({
      char: 'D',
      summary: 'Written after each raw body, instead of a newline.',
      helpValue: 'STR',
    }),
    print0: Flags.boolean({ summary: 'Write a zero byte after each raw body.' }),
    order: Flags.option({
      summary: 'As events arrive, one partition after the other, or merged by enqueued time.',
      options: ['arrival', 'partition', 'time'] as const,
      default: 'arrival',
    })(),
    'no-progress': Flags.boolean({ summary: 'No progress on stderr.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Receive)
    const { receiveCommand } = await import('../cli/receive-command.ts')
    await receiveCommand({
      flags,
      clock: this.clock,
      random: this.random,
      output: this.output,
      interrupts: this.begin(),
      target: this.target(args.hub, flags),
      retryDeadlineMs: this.retryDeadlineMs,
      timeoutMs: this.timeoutMs,
      // There `--timeout` is of the whole command, not of one answer.
      connect: (target) => this.hubClient(target, null),
    })
  }
}
