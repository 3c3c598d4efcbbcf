import { Args, Flags } from '@oclif/core'
import { DataCommand, dataFlags } from '../cli/data-command.ts'
import { importFormats } from '../cli/import-input.ts'

export default class Import extends DataCommand {
  static override summary = 'Send events of files: JSON lines of receive, CSV, Capture files, folders of them.'
  static override examples = [
    '<%= config.bin %> import orders orders.jsonl',
    '<%= config.bin %> import orders backup --keep-partition --preserve-time',
    '<%= config.bin %> receive orders -e --json | <%= config.bin %> import orders-copy -',
    '<%= config.bin %> import orders day.avro --speed 10x',
    '<%= config.bin %> import orders big.jsonl --resume',
  ]
  static override strict = false
  static override args = {
    hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }),
    file: Args.string({ ignoreStdin: true, description: 'Files or folders, - for stdin, which is the default.' }),
  }
  static override flags = {
    ...dataFlags,
    format: Flags.option({
      summary: 'What the files are; by default seen from how they begin.',
      options: importFormats,
      default: 'auto',
    })(),
    'name-format': Flags.string({
      summary: 'How Capture files are named, which says their partitions.',
      helpValue: 'FORMAT',
    }),
    'keep-partition': Flags.boolean({ summary: 'Send events to the partitions they were in.' }),
    'keep-key': Flags.boolean({ summary: 'Keep partition keys.', default: true, allowNo: true }),
    'preserve-time': Flags.boolean({ summary: 'Keep the time an event had as property original-enqueued-time.' }),
    'shift-time': Flags.string({
      summary: 'Move the times kept by so much; now: so that the first one is now.',
      helpValue: '[-]DUR|now',
    }),
    rate: Flags.string({ summary: 'At most so many events: 100/s, 600/m.', helpValue: 'N/s' }),
    speed: Flags.string({
      summary: 'Pace by the times the events had: 1x, 10x, or max.',
      default: 'max',
      helpValue: 'Nx|max',
    }),
    resume: Flags.boolean({ summary: 'Go on behind what an interrupted run of the same words has sent.' }),
    'skip-errors': Flags.boolean({ summary: 'Leave out events that cannot be sent, list them, exit with 9.' }),
    'no-progress': Flags.boolean({ summary: 'No progress on stderr.' }),
  }

  async run(): Promise<void> {
    const { args, argv, flags } = await this.parse(Import)
    const { importCommand } = await import('../cli/import-command.ts')
    await importCommand({
      flags,
      files: argv.slice(1).map(String),
      target: this.target(args.hub, flags),
      clock: this.clock,
      random: this.random,
      output: this.output,
      interrupts: this.begin(),
      retryDeadlineMs: this.timeoutMs ?? this.retryDeadlineMs,
      env: process.env,
      connect: (target) => this.hubClient(target),
    })
  }
}
