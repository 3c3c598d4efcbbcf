// A client of one hub of the local daemon, for commands that look at events beside what they do over the control API.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { ControlClient } from '../client/control-client.ts'
import type { HubClient } from '../client/hub-client.ts'
import { localEndpoint } from './hub-target.ts'

const connectTimeoutMs = 10_000
const operationTimeoutMs = 10_000

export interface LocalHubOptions {
  readonly hub: string
  readonly control: ControlClient
  readonly clock: Clock
  readonly random: Random
  readonly version: string
}

/** Connects with the first call of the client, not here. */
export async function openLocalHub({ hub, control, clock, random, version }: LocalHubOptions): Promise<HubClient> {
  const { HubClient } = await import('../client/hub-client.ts')
  return new HubClient({
    clock,
    random,
    hub,
    findEndpoint: async () => {
      const [status, { rules }] = await Promise.all([control.call('status', {}), control.call('listRules', {})])
      return localEndpoint(status, rules, 'amqp')
    },
    version,
    connectTimeoutMs,
    operationTimeoutMs,
  })
}
