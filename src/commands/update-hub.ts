import { Args, Flags } from '@oclif/core'
import { EhubError } from '../base/error.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { hubSettingFlags, hubSettingPairs, readHubSettings } from '../cli/hub-settings.ts'

export default class UpdateHub extends BaseCommand {
  static override summary = 'Change how long a hub keeps events, how it gives them up, or how many partitions it has.'
  static override examples = [
    '<%= config.bin %> update-hub orders --retention 12h',
    '<%= config.bin %> update-hub orders --partitions 32',
    '<%= config.bin %> update-hub prices --cleanup compact --tombstone-retention 1h',
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }
  static override flags = {
    ...hubSettingFlags,
    partitions: Flags.integer({ summary: 'Number of partitions: only up.', helpValue: 'N', min: 1 }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(UpdateHub)
    const change = {
      ...readHubSettings(flags),
      ...(flags.partitions === undefined ? {} : { partitionCount: flags.partitions }),
    }
    if (Object.keys(change).length === 0) {
      throw new EhubError('usage', 'nothing to change was named', {
        hint: 'Name a setting, for example --retention 7d.',
      })
    }
    const hub = await this.control().call('updateHub', { hub: args.hub, ...change })
    if (flags.json) return this.output.json(hub)
    const settings = hubSettingPairs(hub).map(([name, value]) => `${name} ${value}`)
    this.output.note(`hub ${hub.name} has ${hub.partitionCount} partitions, ${settings.join(', ')}`)
  }
}
