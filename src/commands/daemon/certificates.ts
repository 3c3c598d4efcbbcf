import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.ts'

export default class DaemonCertificates extends BaseCommand {
  static override hidden = true
  static override summary = 'Make the certificates of a daemon that is starting.'
  static override flags = {
    folder: Flags.string({ required: true, summary: 'Where they are kept.' }),
    'host-name': Flags.string({ required: true, summary: 'Name of this machine.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonCertificates)
    const { makeCertificates } = await import('../../daemon/run.ts')
    await makeCertificates(flags.folder, flags['host-name'])
  }
}
