import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { receiverColumns, receiverRow } from '../cli/receiver-view.ts'

export default class ListReceivers extends BaseCommand {
  static override summary = 'List who reads what.'
  static override examples = [
    '<%= config.bin %> list-receivers',
    '<%= config.bin %> list-receivers orders --json',
    '<%= config.bin %> list-receivers --kick 12',
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, description: 'Only the receivers of this hub.' }) }
  static override flags = { kick: Flags.integer({ summary: 'Disconnect the receiver with this id.', helpValue: 'ID' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ListReceivers)
    const control = this.control()
    if (flags.kick !== undefined) {
      await control.call('kickReceiver', { id: flags.kick })
      this.output.note(`receiver ${flags.kick} is disconnected`)
      return
    }
    const { receivers } = await control.call('listReceivers', args.hub === undefined ? {} : { hub: args.hub })
    if (flags.json) return this.output.json(receivers)
    await this.output.table(receiverColumns, receivers.map(receiverRow))
  }
}
