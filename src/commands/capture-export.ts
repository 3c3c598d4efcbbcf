import { Args, Flags } from '@oclif/core'
import { EhubError } from '../base/error.ts'
import { exportBodyModes, exportFormats } from '../cli/capture-sinks.ts'
import { DataCommand, dataFlags } from '../cli/data-command.ts'

export default class CaptureExport extends DataCommand {
  static override summary = 'Export a hub to Capture files, or Capture files to JSON lines, CSV, bodies or Parquet.'
  static override description = [
    'With a hub and --out DIR the events it holds are written as Avro files such as Event Hubs Capture makes.',
    'With --source (or --captured for where the hub is captured to) such files are read: from folders, blobs, S3.',
  ].join('\n')
  static override examples = [
    '<%= config.bin %> capture-export orders --out backup',
    '<%= config.bin %> capture-export orders --out backup --from @-1h --codec deflate --verify',
    '<%= config.bin %> capture-export --source backup --out orders.jsonl',
    '<%= config.bin %> capture-export --source backup --out orders.parquet --body json',
    '<%= config.bin %> capture-export --source a.avro b.avro | jq -r .body',
    "<%= config.bin %> capture-export --source 'blob:https://ACCOUNT.blob.core.windows.net/capture?SAS' --from @-1d",
    '<%= config.bin %> capture-export --source backup --verify',
  ]
  static override args = {
    hub: Args.string({ ignoreStdin: true, description: 'Name of the hub to export, or the files are of.' }),
  }
  static override flags = {
    ...dataFlags,
    source: Flags.string({
      summary: 'Read Capture files: a file, a folder, -, blob:URL, s3:BUCKET/PREFIX. Repeatable.',
      multiple: true,
      helpValue: 'SOURCE',
    }),
    captured: Flags.boolean({ summary: "Read the files of the hub's Capture destination." }),
    out: Flags.string({
      summary: 'Of a hub: the folder for its files. Of files: a file, or - for stdout, which is the default.',
      helpValue: 'DIR|FILE|-',
    }),
    format: Flags.option({
      summary: 'What files are read into; by default by the extension of --out, else jsonl.',
      options: exportFormats,
    })(),
    body: Flags.option({
      summary: 'How bodies are shown; auto is exact.',
      options: exportBodyModes,
      default: 'auto',
    })(),
    delimiter: Flags.string({ summary: 'Behind each raw body.', default: '\\n', helpValue: 'STR' }),
    from: Flags.string({
      summary: 'First event: a position; of files a time, sequence number or offset.',
      helpValue: 'POS',
    }),
    to: Flags.string({ summary: 'Last event, or the time before which events are wanted.', helpValue: 'POS' }),
    partition: Flags.string({ char: 'p', summary: 'Partitions, such as 0,2,4-7; all by default.', helpValue: 'LIST' }),
    follow: Flags.boolean({ summary: 'Go on with files that come, until Ctrl-C.' }),
    'name-format': Flags.string({
      summary: 'How files are named: nine tokens, {Namespace}/{EventHub}/{PartitionId}/{Year}/…',
      helpValue: 'FORMAT',
    }),
    namespace: Flags.string({
      summary: 'Namespace in the names of files written.',
      default: 'local',
      helpValue: 'NAME',
    }),
    group: Flags.string({
      char: 'g',
      summary: 'Consumer group to read the hub with.',
      default: '$Default',
      helpValue: 'NAME',
    }),
    split: Flags.string({
      summary: 'End a file at so many bytes, or when its events span so long: 100MB, 5m.',
      default: '300MB',
      helpValue: 'SIZE|DUR',
    }),
    codec: Flags.option({
      summary: 'Compression of the files written; Capture itself writes null or deflate.',
      options: ['null', 'deflate', 'snappy'] as const,
      default: 'null',
    })(),
    resume: Flags.boolean({ summary: 'Go on where a run before ended.' }),
    overwrite: Flags.boolean({ summary: 'Replace --out FILE when it exists.' }),
    verify: Flags.boolean({
      summary: 'Check what was read, or read back what was written: gaps, order, counts. Exit code 12 when wrong.',
    }),
    'no-progress': Flags.boolean({ summary: 'No progress on stderr.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CaptureExport)
    const shared = { clock: this.clock, output: this.output, interrupts: this.begin(), env: process.env }
    if (flags.source !== undefined || flags.captured) {
      const { captureReadCommand } = await import('../cli/capture-read-command.ts')
      return captureReadCommand({
        ...shared,
        flags: { ...flags, source: flags.source ?? [] },
        hub: args.hub ?? null,
        captured: flags.captured ? await this.#captured(args.hub) : null,
      })
    }
    const { out } = flags
    if (args.hub === undefined) throw new EhubError('usage', 'neither a hub nor --source was given')
    if (out === undefined || out === '-') {
      throw new EhubError('usage', `no folder for the files of "${args.hub}"`, {
        hint: 'give --out DIR; to read Capture files give --source, to see events: ehub receive --json',
      })
    }
    if (flags.format !== undefined || flags.follow || flags.overwrite) {
      throw new EhubError('usage', '--format, --follow and --overwrite are for files that are read', {
        hint: 'add --source or --captured',
      })
    }
    const { captureWriteCommand } = await import('../cli/capture-write-command.ts')
    await captureWriteCommand({
      ...shared,
      flags: { ...flags, out },
      random: this.random,
      target: this.target(args.hub, flags),
      retryDeadlineMs: this.retryDeadlineMs,
      connect: (target) => this.hubClient(target),
    })
  }

  async #captured(hub: string | undefined) {
    if (hub === undefined) throw new EhubError('usage', '--captured needs the hub whose files are meant')
    const { capturedFiles } = await import('../cli/captured-source.ts')
    return capturedFiles(this.control(), hub, process.env, this.clock)
  }
}
