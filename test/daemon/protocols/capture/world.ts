// Capture on a broker in memory with real time that nobody waits for: windows close because a test flushes them, or moves the clock.

import type { TestContext } from 'node:test'
import { quietLog } from '../../../../src/base/log.ts'
import type { CaptureSettings } from '../../../../src/daemon/broker/capture-settings.ts'
import { captureDefaults } from '../../../../src/daemon/broker/capture-settings.ts'
import { CaptureService } from '../../../../src/daemon/protocols/capture/capture-service.ts'
import type { Destination } from '../../../../src/daemon/protocols/capture/destination.ts'
import { CaptureFileReader } from '../../../../src/wire/capture/capture-reader.ts'
import { SystemClock } from '../../../../src/base/clock.ts'
import { openTestBroker, publishStored, dataSection } from '../../broker/builders.ts'

export const settings: CaptureSettings = {
  ...captureDefaults,
  isSkippingEmpty: true,
  destination: 'dir:captured',
  credentials: 'none',
}

export async function openCaptureWorld(t: TestContext, openDestination: () => Destination, partitionCount = 1) {
  const test = await openTestBroker(t, {}, { partitionCount })
  const bugs: unknown[] = []
  const service = new CaptureService({
    captures: test.broker.captures,
    openDestination,
    clock: new SystemClock(),
    machineClock: new SystemClock(),
    log: quietLog,
    onBug: (error) => bugs.push(error),
  })
  t.after(async () => {
    await service.stop()
    if (bugs.length > 0) throw bugs[0]
  })
  const publish = (bodies: readonly string[], partition = '0') =>
    publishStored(
      test,
      {
        payload: Buffer.concat(bodies.map((body) => dataSection(dataSection(body)))),
        count: bodies.length,
        partitionKey: null,
      },
      partition,
    )
  const captured = () => {
    const hub = test.broker.captures.find('local', 'orders')
    if (hub === null) throw new Error('the hub is not captured')
    return hub
  }
  return { ...test, service, publish, captured }
}

/** Sequences and bodies of a Capture file. */
export async function recordsOf(bytes: Buffer): Promise<readonly (readonly [number, string])[]> {
  async function* only() {
    yield bytes
  }
  const reader = await CaptureFileReader.open('file', only())
  const records: (readonly [number, string])[] = []
  while ((await reader.nextBlock()) !== null) {
    for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
      records.push([record.sequence, String(record.body)])
    }
  }
  return records
}
