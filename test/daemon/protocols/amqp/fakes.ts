// Chance that gives no surprises and groups that settle when told to, for the tests of the AMQP server.

import type { EhubError } from '../../../../src/base/error.ts'
import type { Random } from '../../../../src/base/random.ts'
import type { PublishGroup } from '../../../../src/daemon/broker/broker-api.ts'

export const fixedRandom: Random = {
  uint32: () => 0,
  bytes: (count) => Buffer.alloc(count),
}

export class FakeGroup implements PublishGroup {
  readonly partition: number
  outcome: 'stored' | EhubError | null = null
  #waiting: ((outcome: 'stored' | EhubError) => void)[] = []

  constructor(partition: number) {
    this.partition = partition
  }

  whenSettled(run: (outcome: 'stored' | EhubError) => void): void {
    this.#waiting.push(run)
  }

  settle(outcome: 'stored' | EhubError): void {
    this.outcome = outcome
    for (const run of this.#waiting) run(outcome)
    this.#waiting = []
  }
}
