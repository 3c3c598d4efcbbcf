import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { diagnose, type Patient } from '../../src/daemon/diagnose.ts'
import { noCounters } from '../../src/daemon/storage/memory-engine.ts'
import { openTestBroker, publishStored, receiving, single, type TestBroker } from './broker/builders.ts'

async function patient(t: TestContext): Promise<Patient & Pick<TestBroker, 'broker' | 'owner'>> {
  const opened = await openTestBroker(t)
  return {
    ...opened,
    caller: opened.owner,
    status: { warnings: [] } as unknown as Patient['status'],
    engine: { kind: 'memory', openLogs: 4, refusing: null, failed: [], space: null, counters: noCounters },
    space: { freeBytes: 50e9, totalBytes: 100e9 },
    certificate: null,
    capture: [],
    nowMs: opened.clock.now(),
  }
}

/** The findings that are not well, as `check: level`. */
const unwell = (sick: Patient) =>
  diagnose(sick)
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level }) => `${check}: ${level}`)

test('a healthy daemon is well in everything that was looked at', async (t) => {
  const findings = diagnose(await patient(t))
  assert.deepEqual(
    findings.map(({ check }) => check),
    ['ports', 'tls', 'disk', 'storage', 'damage', 'clock', 'retention', 'readers', 'checkpoints', 'capture'],
  )
  assert.ok(findings.every(({ level, fix }) => level === 'ok' && fix === null))
})

test('each ill has its finding with a way out', async (t) => {
  const well = await patient(t)
  assert.deepEqual(unwell({ ...well, status: { ...well.status, warnings: ['port 5671 is taken'] } }), [
    'ports: warning',
  ])
  assert.deepEqual(unwell({ ...well, space: { freeBytes: 1e9, totalBytes: 100e9 } }), ['disk: warning'])
  assert.deepEqual(unwell({ ...well, engine: { ...well.engine, refusing: 'the disk is full' } }), ['storage: error'])
  const failed = [{ id: { group: 'ns1/h2', partition: 0 }, reason: 'EIO' }]
  assert.deepEqual(unwell({ ...well, engine: { ...well.engine, failed } }), ['storage: error'])
  const damaged = { ...well, broker: { ...bound(well), damageOf: () => [{ from: 3, to: 9, detail: 'bad checksum' }] } }
  const found = diagnose(damaged).filter(({ check }) => check === 'damage')
  assert.equal(found.length, 4, 'one for each partition')
  assert.match(found[0]?.detail ?? '', /hub "orders" partition 0: events 3 to 8 cannot be read \(bad checksum\)/)
  assert.match(found[0]?.fix ?? '', /--from seq:9/)
})

test('free space near the low-water mark is told, with what is refused below it', async (t) => {
  const well = await patient(t)
  const marks = { freeBytes: 20e9, lowWaterBytes: 256e6, reserveBytes: 16e6 }
  const found = diagnose({ ...well, engine: { ...well.engine, space: marks } }).find(({ check }) => check === 'disk')
  assert.equal(found?.detail, '50,000 MB free, 50 %; events are refused below 256 MB, 16 MB are kept in reserve')
  const near = { ...well, engine: { ...well.engine, space: { ...marks, lowWaterBytes: 30e9 } } }
  assert.deepEqual(unwell(near), ['disk: warning'])
})

test('a clock that is not believed is told, until it is', async (t) => {
  const opened = await openTestBroker(t)
  const well = { ...(await patient(t)), broker: opened.broker, caller: opened.owner }
  opened.clock.jumpWall(86_400_000)
  const sick = { ...well, nowMs: opened.clock.now() }
  assert.deepEqual(unwell(sick), ['retention: warning'])
  await opened.broker.retention.expire(opened.owner, 'orders', true)
  assert.deepEqual(unwell(sick), [])
})

test('a clock behind what is stored is told', async (t) => {
  const well = await patient(t)
  await publishStored(well, single('x'))
  assert.deepEqual(unwell({ ...well, nowMs: well.nowMs - 60_000 }), ['clock: warning'])
})

test('five readers leave no slot, an exclusive one needs none', async (t) => {
  const well = await patient(t)
  for (let n = 0; n < 5; n++) well.broker.openReceiver(well.owner, receiving())
  assert.deepEqual(unwell(well), ['readers: warning'])
  well.broker.openReceiver(well.owner, receiving({ ownerLevel: 1 }))
  assert.deepEqual(unwell(well), [])
})

test('a checkpoint beyond the end or before what is left is told', async (t) => {
  const well = await patient(t)
  const checkpoint = {
    hub: 'orders',
    group: '$Default',
    partition: 0,
    store: '$daemon',
    offset: 0,
    enqueuedTimeMs: null,
    owner: null,
    updatedAtMs: 0,
    etag: '1',
  }
  const withCheckpoint = (sequence: number) => ({
    ...well,
    broker: { ...bound(well), checkpoints: () => [{ ...checkpoint, sequence }] },
  })
  await publishStored(well, single('x'))
  assert.deepEqual(unwell(withCheckpoint(0)), [])
  assert.deepEqual(unwell(withCheckpoint(40)), ['checkpoints: error'])
})

/** A broker whose methods can be replaced one by one. */
function bound({ broker }: Pick<TestBroker, 'broker'>): TestBroker['broker'] {
  const valueOf = (name: string | symbol): unknown => {
    const value: unknown = Reflect.get(broker, name)
    return typeof value === 'function' ? value.bind(broker) : value
  }
  return new Proxy({} as TestBroker['broker'], {
    ownKeys: () => [
      ...Object.getOwnPropertyNames(Object.getPrototypeOf(broker)).filter((name) => name !== 'constructor'),
      'retention',
    ],
    getOwnPropertyDescriptor: (_, name) => ({ enumerable: true, configurable: true, value: valueOf(name) }),
    get: (_, name) => valueOf(name),
  })
}

test('a destination that does not take files, and events lost to it, are told', async (t) => {
  const well = await patient(t)
  const partition = {
    ...{ partition: 0, nextSequence: 5, windowStartMs: 0, files: 1, events: 5, bytes: 600, lostEvents: 0 },
    ...{ lagEvents: 7, lagMs: 60_000, failures: 0, failuresTotal: 0, error: null, failingSinceMs: null },
  }
  const capture = (change: Partial<typeof partition> | object) => [
    {
      ...{ hub: 'orders', isEnabled: true, intervalMs: 60_000, sizeBytes: 1e6, nameFormat: '', isSkippingEmpty: true },
      ...{ encoding: 'avro', destination: 'dir:/srv/files', credentials: 'none' },
      partitions: [{ ...partition, ...change }],
    },
  ]
  assert.deepEqual(unwell({ ...well, capture: capture({}) }), [])
  assert.deepEqual(unwell({ ...well, capture: capture({ lagMs: 600_000 }) }), ['capture: warning'])
  assert.deepEqual(unwell({ ...well, capture: capture({ lostEvents: 3 }) }), ['capture: warning'])
  const failing = { failures: 2, error: 'the disk is full', failingSinceMs: well.nowMs - 120_000 }
  const found = diagnose({ ...well, capture: capture(failing) }).find(({ check }) => check === 'capture')
  assert.equal(
    found?.detail,
    'hub "orders": 1 of 1 partitions wait for dir:/srv/files for 2m, 7 events in no file: the disk is full',
  )
})
