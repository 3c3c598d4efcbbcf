import { Args, Flags } from '@oclif/core'
import { formatBytes } from '../base/bytes-text.ts'
import { keepProcess } from '../base/keep-process.ts'
import { BaseCommand } from '../cli/base-command.ts'
import { verifyHub, type VerifyResult } from '../cli/verify-hub.ts'
import { projectError } from '../wire/errors.ts'

export default class Verify extends BaseCommand {
  static override summary = 'Read everything stored and check it: checksums, gaps, order, counts, times.'
  static override description =
    'Exit code 12 when something does not hold; the ranges are listed and everything else stays readable.'
  static override examples = ['<%= config.bin %> verify', '<%= config.bin %> verify orders -p 0 --json']
  static override args = { hub: Args.string({ ignoreStdin: true, description: 'Only this hub.' }) }
  static override flags = {
    partition: Flags.integer({
      char: 'p',
      summary: 'Only this partition; may be repeated.',
      multiple: true,
      helpValue: 'N',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Verify)
    const control = this.control()
    const hold = keepProcess()
    const hubs =
      args.hub === undefined
        ? (await control.call('listHubs', {})).hubs
        : [await control.call('describeHub', { hub: args.hub })]
    const results: VerifyResult[] = []
    for (const { name, partitionCount } of hubs) {
      const all = Array.from({ length: partitionCount }, (_, index) => index)
      results.push(...(await verifyHub(control, name, flags.partition ?? all, (line) => this.output.detail(line))))
    }
    hold.release()
    const problems = results.flatMap((result) =>
      result.problems.map((problem) => ({ ...problem, hub: result.hub, partition: result.partition })),
    )
    if (flags.json)
      this.output.json({
        partitions: results.map(({ hub, partition, events, bytes }) => ({ hub, partition, events, bytes })),
        problems,
      })
    else {
      await this.output.table(
        [
          { title: 'HUB' },
          { title: 'P', align: 'right' },
          { title: 'KIND' },
          { title: 'FROM', align: 'right' },
          { title: 'TO', align: 'right' },
          { title: 'WHAT' },
        ],
        problems.map((p) => [p.hub, p.partition, p.kind, p.fromSequence, p.toSequence - 1, p.detail]),
      )
      const sum = (pick: (result: VerifyResult) => number) => results.reduce((total, result) => total + pick(result), 0)
      const events = sum((result) => result.events).toLocaleString('en-US')
      this.output.note(
        `${events} events, ${formatBytes(sum((result) => result.bytes))} in ${results.length} partitions: ${problems.length === 0 ? 'all well' : `${problems.length} problems`}`,
      )
    }
    process.exitCode = problems.length === 0 ? 0 : projectError('integrity').exit
  }
}
