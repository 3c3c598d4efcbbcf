// `--store blob:…` of `ehub lag` and `ehub top`: lag from outside, of the namespace a connection string names or of the local
// daemon, against the container its processors use.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { BlobPlace } from '../client/blob-container.ts'
import type { BlobCheckpoints } from '../client/blob-checkpoints.ts'
import type { RemoteLag } from '../client/remote-lag.ts'
import type { NamespaceTarget } from './hub-target.ts'

const connectTimeoutMs = 10_000
const operationTimeoutMs = 10_000

export interface RemoteLagRequest {
  readonly target: NamespaceTarget
  readonly place: BlobPlace
  /** The argument; undefined: the connection string's, else every hub the container knows. */
  readonly hub: string | undefined
  readonly groups: readonly string[]
  readonly sampleMs: number
  readonly clock: Clock
  readonly random: Random
  readonly version: string
}

export interface OpenedRemoteLag {
  readonly lag: RemoteLag
  readonly store: BlobCheckpoints
  /** Of the namespace, for people. */
  readonly host: string
}

export async function openRemoteLag(request: RemoteLagRequest): Promise<OpenedRemoteLag> {
  const { target, place, hub, groups, sampleMs, clock, random, version } = request
  const [{ RemoteLag }, { BlobCheckpoints }, { BlobContainer }, { HubClient }] = await Promise.all([
    import('../client/remote-lag.ts'),
    import('../client/blob-checkpoints.ts'),
    import('../client/blob-container.ts'),
    import('../client/hub-client.ts'),
  ])
  const { host } = await target.findEndpoint()
  const container = new BlobContainer({ place, clock, timeoutMs: operationTimeoutMs })
  const named = hub ?? target.hub
  const store = new BlobCheckpoints(container, host)
  const lag = new RemoteLag({
    clock,
    store,
    hubs: named === null ? null : [named],
    groups,
    sampleMs,
    openHub: async (name) =>
      new HubClient({
        ...{ clock, random, version, connectTimeoutMs, operationTimeoutMs, hub: name },
        findEndpoint: target.findEndpoint,
      }),
  })
  return { lag, store, host }
}

/** @throws EhubError `usage`: only a local daemon knows checkpoints of itself. */
export function checkStore(place: BlobPlace | null, connectionString: string | undefined): void {
  if (place !== null || connectionString === undefined) return
  throw new EhubError(
    'usage',
    'a namespace elsewhere keeps no checkpoints: its processors do, in a container of blobs',
    {
      hint: 'say which with --store blob:URL',
    },
  )
}
