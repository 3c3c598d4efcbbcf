import { Args, Flags } from '@oclif/core'
import { isEhubError } from '../base/error.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { confirm } from '../cli/confirm.ts'
import { confirmFlags } from '../cli/flags.ts'

export default class DeleteGroup extends BaseCommand {
  static override summary = 'Delete a consumer group with its checkpoints.'
  static override examples = ['<%= config.bin %> delete-group orders billing --yes']
  static override args = {
    hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }),
    group: Args.string({ ignoreStdin: true, required: true, description: 'Name of the group.' }),
  }
  static override flags = {
    ...confirmFlags,
    'if-exists': Flags.boolean({ summary: 'A group that does not exist is fine.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DeleteGroup)
    const control = this.control()
    await confirm(`Delete group ${args.group} of ${args.hub} with its checkpoints?`, {
      isYes: flags.yes,
      isInputOff: flags['no-input'],
    })
    try {
      await control.call('deleteGroup', args)
    } catch (error) {
      if (!flags['if-exists'] || !isEhubError(error, 'group-not-found')) throw error
    }
    if (flags.json) return this.output.json({ hub: args.hub, deleted: args.group })
    this.output.note(`group ${args.group} of hub ${args.hub} is deleted`)
  }
}
