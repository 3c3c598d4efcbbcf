import { Args } from '@oclif/core'
import { formatBytes } from '../base/bytes-text.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { hubSettingPairs } from '../cli/hub-settings.ts'
import { receiverColumns, receiverRow } from '../cli/receiver-view.ts'

export default class Describe extends BaseCommand {
  static override summary = 'Show a hub: its partitions, groups and receivers.'
  static override examples = [
    '<%= config.bin %> describe orders',
    "<%= config.bin %> describe orders --json | jq '.partitions[].lastSequence'",
  ]
  static override args = { hub: Args.string({ ignoreStdin: true, required: true, description: 'Name of the hub.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Describe)
    const control = this.control()
    const hub = await control.call('describeHub', { hub: args.hub })
    const { capture } = await control.call('describeCapture', { hub: args.hub })
    if (flags.json) return this.output.json({ ...hub, capture })
    this.output.pairs([
      ['hub', hub.name],
      ['created', new Date(hub.createdAtMs).toISOString()],
      ['durability', hub.durability],
      ...hubSettingPairs(hub),
      ['groups', hub.groups.join(' ')],
      ['events', hub.events],
      ['stored', formatBytes(hub.storedBytes)],
      ['capture', capture?.isEnabled === true ? capture.destination : 'off'],
    ])
    this.output.print('')
    await this.output.table(
      [
        { title: 'PARTITION', align: 'right' },
        { title: 'FIRST', align: 'right' },
        { title: 'LAST', align: 'right' },
        { title: 'LAST OFFSET', align: 'right' },
        { title: 'LAST ENQUEUED' },
        { title: 'SIZE', align: 'right' },
      ],
      hub.partitions.map((partition) => [
        partition.partition,
        partition.isEmpty ? null : partition.beginSequence,
        partition.lastSequence < 0 ? null : partition.lastSequence,
        partition.lastSequence < 0 ? null : partition.lastOffset,
        partition.lastEnqueuedTimeMs === null ? null : new Date(partition.lastEnqueuedTimeMs).toISOString(),
        this.output.isTerminal ? formatBytes(partition.storedBytes) : partition.storedBytes,
      ]),
    )
    if (hub.receivers.length === 0) return
    this.output.print('')
    await this.output.table(receiverColumns, hub.receivers.map(receiverRow))
  }
}
