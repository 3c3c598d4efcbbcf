import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'

export default class CreateGroup extends BaseCommand {
  static override summary = 'Create a consumer group.'
  static override examples = [
    '<%= config.bin %> create-group orders billing',
    '<%= config.bin %> create-group orders billing --if-not-exists',
  ]
  static override args = {
    hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }),
    group: Args.string({ ignoreStdin: true, required: true, description: 'Name of the group.' }),
  }
  static override flags = { 'if-not-exists': Flags.boolean({ summary: 'An existing group is fine.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CreateGroup)
    await this.control().call('createGroup', { ...args, ifNotExists: flags['if-not-exists'] })
    if (flags.json) return this.output.json({ hub: args.hub, group: args.group })
    this.output.note(`hub ${args.hub} has the group ${args.group}`)
  }
}
