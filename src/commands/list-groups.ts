import { Args } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'

export default class ListGroups extends BaseCommand {
  static override summary = 'List the consumer groups of a hub.'
  static override examples = ['<%= config.bin %> list-groups orders', '<%= config.bin %> list-groups orders --json']
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ListGroups)
    const hub = await this.control().call('describeHub', { hub: args.hub })
    const groups = hub.groups.map((group) => ({
      group,
      receivers: hub.receivers.filter((receiver) => receiver.group === group).length,
    }))
    if (flags.json) return this.output.json(groups)
    await this.output.table(
      [{ title: 'GROUP' }, { title: 'RECEIVERS', align: 'right' }],
      groups.map(({ group, receivers }) => [group, receivers]),
    )
  }
}
