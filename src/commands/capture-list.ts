import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { captureFileColumns, captureFileRow } from '../cli/capture-view.ts'

/** Files are looked into one by one where the destination keeps nothing beside them. */
const listTimeoutMs = 300_000

export default class CaptureList extends BaseCommand {
  static override summary = 'List the Capture files of a hub, as they are at the destination.'
  static override examples = [
    '<%= config.bin %> capture-list orders',
    '<%= config.bin %> capture-list orders --partition 0 --limit 10',
    "<%= config.bin %> capture-list orders --json | jq -r '.[].name'",
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    partition: Flags.integer({ char: 'p', summary: 'Only this partition.', helpValue: 'N', min: 0 }),
    limit: Flags.integer({
      summary: 'Newest files of each partition; 1000 by default.',
      helpValue: 'N',
      min: 1,
      max: 10_000,
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CaptureList)
    const { files } = await this.control(listTimeoutMs).call('listCapture', {
      hub: args.hub,
      ...(flags.partition === undefined ? {} : { partition: flags.partition }),
      ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    })
    if (flags.json) return this.output.json(files)
    await this.output.table(
      captureFileColumns,
      files.map((file) => captureFileRow(file, this.output.isTerminal)),
    )
  }
}
