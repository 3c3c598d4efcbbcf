import { Args, Flags } from '@oclif/core'
import { EhubError } from '../base/error.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { captureFlags, readCaptureFlags } from '../cli/capture-flags.ts'
import { captureColumns, capturePairs, captureRow } from '../cli/capture-view.ts'

/** A window may hold hundreds of megabytes that still have to be written. */
const flushTimeoutMs = 600_000

export default class Capture extends BaseCommand {
  static override summary =
    'Write what a hub receives into Avro files, as Event Hubs Capture does; show how far that is.'
  static override examples = [
    '<%= config.bin %> capture orders --enable --interval 1m --size 100MiB',
    '<%= config.bin %> capture orders --enable --destination blob:captures --credentials own',
    '<%= config.bin %> capture orders',
    '<%= config.bin %> capture orders --flush',
    '<%= config.bin %> capture orders --disable --flush',
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    enable: Flags.boolean({
      summary: 'Switch Capture on: from the next event on. Again: change it.',
      exclusive: ['disable'],
    }),
    disable: Flags.boolean({ summary: 'Switch it off; with --flush after the open windows were written.' }),
    flush: Flags.boolean({ summary: 'Write the open windows now, and wait for it.' }),
    ...captureFlags,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Capture)
    const { hub } = args
    const settings = readCaptureFlags(flags)
    if (!flags.enable && Object.keys(settings).length > 0) {
      throw new EhubError('usage', `${Object.keys(settings).length} settings of Capture are changed with --enable only`)
    }
    const control = this.control()
    if (flags.enable) await control.call('enableCapture', { hub, ...settings })
    if (flags.flush) {
      const { files } = await this.control(flushTimeoutMs).call('flushCapture', { hub })
      this.output.note(`${files} files were written`)
    }
    if (flags.disable) await control.call('disableCapture', { hub })
    const { capture } = await control.call('describeCapture', { hub })
    if (flags.json) return this.output.json(capture)
    if (capture === null) {
      this.output.pairs([['capture', 'off']])
      return this.output.suggest(`Next: ehub capture ${hub} --enable`)
    }
    this.output.pairs(capturePairs(capture))
    this.output.print('')
    await this.output.table(
      captureColumns,
      capture.partitions.map((partition) => captureRow(partition, this.output.isTerminal)),
    )
  }
}
