import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.ts'
import { hubSettingFlags, readHubSettings } from '../cli/hub-settings.ts'

export default class CreateHub extends BaseCommand {
  static override summary = 'Create a hub.'
  static override examples = [
    '<%= config.bin %> create-hub orders',
    '<%= config.bin %> create-hub orders --partitions 16 --group billing --group audit',
    '<%= config.bin %> create-hub orders --if-not-exists',
    '<%= config.bin %> create-hub prices --cleanup compact',
    '<%= config.bin %> create-hub logs --retention 12h',
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    partitions: Flags.integer({
      summary: 'Number of partitions; 4 by default. More can be added later, none taken away.',
      helpValue: 'N',
      min: 1,
    }),
    durability: Flags.string({
      summary: "When an event counts as stored; the daemon's mode by default.",
      options: ['sync', 'os', 'memory'],
      helpValue: 'MODE',
    }),
    group: Flags.string({
      summary: 'Consumer group to make with it, besides $Default; may be repeated.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
    }),
    ...hubSettingFlags,
    'if-not-exists': Flags.boolean({ summary: 'An existing hub of the same shape is fine.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(CreateHub)
    const hub = await this.control().call('createHub', {
      hub: args.hub,
      ...(flags.partitions === undefined ? {} : { partitionCount: flags.partitions }),
      ...(flags.durability === undefined ? {} : { durability: flags.durability }),
      ...(flags.group === undefined ? {} : { groups: flags.group }),
      ...readHubSettings(flags),
      ifNotExists: flags['if-not-exists'],
    })
    if (flags.json) return this.output.json(hub)
    this.output.note(`hub ${hub.name} has ${hub.partitionCount} partitions`)
    this.output.suggest(`Next: echo hello | ehub send ${hub.name}`)
  }
}
