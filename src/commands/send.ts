import { Args, Flags } from '@oclif/core'
import { DataCommand, dataFlags } from '../cli/data-command.ts'
import { ackModes } from '../cli/send-report.ts'
import { inputFormats } from '../cli/send-input.ts'

export default class Send extends DataCommand {
  static override summary = 'Send events: arguments, lines of stdin, files.'
  static override examples = [
    `<%= config.bin %> send orders '{"id":1}' -k customer-7`,
    'tail -f app.log | <%= config.bin %> send logs --linger 200ms',
    '<%= config.bin %> receive orders -e --json | <%= config.bin %> send orders-copy --input jsonl',
    "jq -c '.[]' dump.json | <%= config.bin %> send orders --prop source=import",
    "printf 'k1|v1\\nk2|v2\\n' | <%= config.bin %> send orders -K '|'",
    '<%= config.bin %> send orders --file photo.jpg --sys contentType=image/jpeg',
  ]
  static override strict = false
  static override args = {
    hub: Args.string({
      ignoreStdin: true,
      description: 'Name of the hub; may be left out when the connection string names it.',
    }),
    body: Args.string({ ignoreStdin: true, description: 'One event each; without any, events are read from stdin.' }),
  }
  static override flags = {
    ...dataFlags,
    key: Flags.string({
      char: 'k',
      summary: 'Partition key of all events; a key an event brings along goes before it.',
    }),
    partition: Flags.string({ char: 'p', summary: 'Send to this partition.', helpValue: 'N' }),
    prop: Flags.string({
      char: 'H',
      summary: 'Application property: NAME=VALUE, or typed NAME:int=5. Repeatable.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'K[:TYPE]=V',
    }),
    sys: Flags.string({
      summary: 'AMQP property, such as messageId, correlationId, contentType, subject. Repeatable.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'K=V',
    }),
    input: Flags.option({
      summary: 'What the input is; by default lines of stdin, and each --file one event.',
      options: inputFormats,
    })(),
    delimiter: Flags.string({
      char: 'D',
      summary: 'Separates events of the input, instead of a newline; \\n \\t \\0 \\xNN are understood.',
      helpValue: 'STR',
    }),
    'key-delimiter': Flags.string({
      char: 'K',
      summary: 'Each event begins with its key and this delimiter.',
      helpValue: 'STR',
    }),
    file: Flags.string({
      summary: 'Send a file, - for stdin. Repeatable.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'PATH',
    }),
    tombstone: Flags.boolean({ char: 'Z', summary: 'Send an empty event for --key: its delete marker.' }),
    batch: Flags.string({ summary: 'Close a batch at so many events or bytes: 100, 64KiB.', helpValue: 'N|SIZE' }),
    linger: Flags.string({
      summary: 'Longest time an event waits for its batch to fill.',
      default: '10ms',
      helpValue: 'DUR',
    }),
    rate: Flags.string({ summary: 'At most so many events: 100/s, 600/m.', helpValue: 'N/s' }),
    count: Flags.integer({ char: 'n', summary: 'Stop after so many events.', min: 1, helpValue: 'N' }),
    repeat: Flags.integer({ summary: 'Send each event so many times.', min: 1, default: 1, helpValue: 'N' }),
    ack: Flags.option({
      summary: 'What is told: nothing, a summary on stderr, or a line on stdout for each event.',
      options: ackModes,
      default: 'summary',
    })(),
    'skip-errors': Flags.boolean({ summary: 'Leave out events that cannot be sent, list them, exit with 9.' }),
    tee: Flags.boolean({ summary: 'Copy the input to stdout.' }),
    'no-progress': Flags.boolean({ summary: 'No progress on stderr.' }),
    'dry-run': Flags.boolean({ summary: 'Encode everything, connect to nobody.' }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Send)
    const { sendCommand } = await import('../cli/send-command.ts')
    const words = argv.map(String)
    const isHubNamed = words.length > 0
    await sendCommand({
      flags,
      hub: isHubNamed ? words[0] : undefined,
      bodies: words.slice(1),
      clock: this.clock,
      random: this.random,
      output: this.output,
      interrupts: this.begin(),
      retryDeadlineMs: this.timeoutMs ?? this.retryDeadlineMs,
      target: (hub) => this.target(hub, flags),
      connect: (target) => this.hubClient(target),
    })
  }
}
