import { Args, Flags } from '@oclif/core'
import { isEhubError } from '../base/error.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { confirm } from '../cli/confirm.ts'
import { confirmFlags } from '../cli/flags.ts'

export default class DeleteHub extends BaseCommand {
  static override summary = 'Delete hubs with all their events.'
  static override examples = ['<%= config.bin %> delete-hub orders', '<%= config.bin %> delete-hub orders copy --yes']
  static override strict = false
  static override args = {
    hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub; several may follow.' }),
  }
  static override flags = {
    ...confirmFlags,
    'if-exists': Flags.boolean({ summary: 'A hub that does not exist is fine.' }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(DeleteHub)
    const hubs = argv.map(String)
    const control = this.control()
    await confirm(`Delete ${hubs.join(', ')} with all events?`, {
      isYes: flags.yes,
      isInputOff: flags['no-input'],
    })
    const deleted: string[] = []
    for (const hub of hubs) {
      try {
        await control.call('deleteHub', { hub })
        deleted.push(hub)
        this.output.note(`hub ${hub} is deleted`)
      } catch (error) {
        if (!flags['if-exists'] || !isEhubError(error, 'hub-not-found')) throw error
      }
    }
    if (flags.json) this.output.json({ deleted })
  }
}
