// Drives the daemon's stepwise check over the partitions of a hub.

import type { ControlClient } from '../client/control-client.ts'
import type { VerifyReply } from '../wire/control/contract.ts'

export interface VerifyResult {
  readonly hub: string
  readonly partition: number
  readonly events: number
  readonly bytes: number
  readonly problems: VerifyReply['problems']
}

/** Checks up to where each partition ends when it is reached; events that come meanwhile are not waited for. */
export async function verifyHub(
  control: Pick<ControlClient, 'call'>,
  hub: string,
  partitions: readonly number[],
  trace: (line: string) => void,
): Promise<readonly VerifyResult[]> {
  const results: VerifyResult[] = []
  for (const partition of partitions) {
    let events = 0
    let bytes = 0
    const problems: VerifyReply['problems'][number][] = []
    let step = await control.call('verifyPartition', { hub, partition })
    // The end of the first step: what is enqueued from now on is for the next run.
    const until = step.endSequence
    for (;;) {
      events += step.events
      bytes += step.bytes
      problems.push(...step.problems)
      trace(`${hub} partition ${partition}: ${step.next.sequence} of ${until}`)
      if (step.next.sequence >= until) break
      step = await control.call('verifyPartition', { hub, partition, ...step.next })
    }
    results.push({ hub, partition, events, bytes, problems })
  }
  return results
}
