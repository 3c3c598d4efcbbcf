// Batches for the models: payloads that differ, cut evenly into events, with producers now and then.

import type { Batch } from '../../src/daemon/storage/storage-engine.ts'
import type { LogModel } from './model.ts'
import { SimRandom } from './sim-random.ts'

/** Batches that continue the model's log. */
export function batchesAfter(
  model: LogModel,
  random: SimRandom,
  nowMs: number,
  count: number,
  bytesMax: number,
): Batch[] {
  const payloads = sharedPayloads()
  let { sequence, offset } = model.next
  let timeMs = Math.max(model.lastTimeMs, nowMs)
  return Array.from({ length: count }, () => {
    const events = random.between(1, 5)
    // At least a byte for each.
    const bytes = random.between(events, Math.max(events, bytesMax))
    const from = random.below(payloads.length - bytes)
    timeMs += random.pick([0, 0, 1, 10])
    const batch: Batch = {
      baseSequence: sequence,
      baseOffset: offset,
      count: events,
      enqueuedTimeMs: timeMs,
      encoding: random.pick(['amqp', 'kafka', 'state'] as const),
      payload: payloads.subarray(from, from + bytes),
      producer: random.chance(0.1)
        ? { producerId: BigInt(random.uint32()), epoch: random.below(100), firstSequence: random.below(1000) }
        : null,
    }
    sequence += events
    offset += bytes
    return batch
  })
}

let payloads: Buffer | null = null

/** Random bytes that all worlds cut their payloads from. */
function sharedPayloads(): Buffer {
  payloads ??= new SimRandom(0x5eed).bytes(1 << 20)
  return payloads
}
