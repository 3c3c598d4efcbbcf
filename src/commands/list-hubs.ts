import { BaseCommand } from '../cli/base-command.ts'
import { retentionText } from '../cli/hub-settings.ts'
import { formatBytes } from '../base/bytes-text.ts'

export default class ListHubs extends BaseCommand {
  static override summary = 'List the hubs of the namespace.'
  static override examples = ['<%= config.bin %> list-hubs', "<%= config.bin %> list-hubs --json | jq -r '.[].name'"]

  async run(): Promise<void> {
    const { flags } = await this.parse(ListHubs)
    const { hubs } = await this.control().call('listHubs', {})
    if (flags.json) return this.output.json(hubs)
    await this.output.table(
      [
        { title: 'HUB' },
        { title: 'PARTITIONS', align: 'right' },
        { title: 'GROUPS', align: 'right' },
        { title: 'EVENTS', align: 'right' },
        { title: 'SIZE', align: 'right' },
        { title: 'RETENTION' },
        { title: 'CLEANUP' },
        { title: 'DURABILITY' },
      ],
      hubs.map((hub) => [
        hub.name,
        hub.partitionCount,
        hub.groups.length,
        hub.events,
        this.output.isTerminal ? formatBytes(hub.storedBytes) : hub.storedBytes,
        retentionText(hub.retentionMs),
        hub.cleanup,
        hub.durability,
      ]),
    )
    if (hubs.length === 0) this.output.suggest('No hubs yet. Make one: ehub create-hub NAME')
  }
}
