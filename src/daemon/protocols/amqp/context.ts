// What all connections of one server share.

import type { ByteWriter } from '../../../base/byte-writer.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import type { Broker } from '../../broker/broker-api.ts'
import type { GatherPool } from './gather-pool.ts'
import type { AmqpLimits } from './limits.ts'
import type { OutputPool } from './output.ts'

export interface ServerContext {
  readonly broker: Broker
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly limits: AmqpLimits
  readonly pool: OutputPool
  readonly gatherPool: GatherPool
  /** Scratch for frames that are not written in place; used and emptied within one call. */
  readonly writer: ByteWriter
  /** A failed assertion: nothing said afterwards can be trusted, the owner of the process ends it. */
  readonly onBug: (error: unknown) => void
}
