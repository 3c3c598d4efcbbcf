import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError } from '../../src/base/error.ts'
import { BlobCheckpoints } from '../../src/client/blob-checkpoints.ts'
import type { BlobContainer } from '../../src/client/blob-container.ts'
import type { HubClient, PartitionEnds } from '../../src/client/hub-client.ts'
import { RemoteLag } from '../../src/client/remote-lag.ts'
import type { BlobEntry } from '../../src/wire/blob/listing.ts'
import { SimClock } from '../sim/sim-clock.ts'

function world(more: { readonly hubs?: readonly string[] | null; readonly groups?: readonly string[] } = {}) {
  const clock = new SimClock()
  const blobs = new Map<string, BlobEntry & { readonly body: string }>()
  const written: unknown[] = []
  let failure: EhubError | null = null
  const container = {
    label: 'app',
    list: async (prefix: string) => {
      if (failure !== null) throw failure
      return [...blobs.values()].filter(({ name }) => name.startsWith(prefix))
    },
    read: async (name: string) => blobs.get(name)?.body ?? '',
    setMetadata: async (...call: unknown[]) => void written.push(call),
  } as unknown as BlobContainer
  const put = (name: string, metadata: Record<string, string>, body = '') =>
    blobs.set(name, { name, metadata, body, updatedAtMs: clock.now(), etag: `e${blobs.size}` })
  const ends: PartitionEnds[] = [
    { beginSequence: 0, endSequence: 100, lastOffset: '5000', lastEnqueuedTimeMs: clock.now() },
  ]
  const store = new BlobCheckpoints(container, 'ns.example')
  const lag = new RemoteLag({
    ...{ clock, store, hubs: more.hubs ?? null, groups: more.groups ?? [], sampleMs: 1000 },
    openHub: async () =>
      ({
        partitionIds: async () => ends.map((_, index) => String(index)),
        partitionEnds: async (id: string) => ends[Number(id)],
        close: async () => undefined,
      }) as unknown as HubClient,
  })
  const fail = (error: EhubError | null) => {
    failure = error
  }
  const sample = async () => (await lag.sample()).partitions
  return { clock, blobs, put, ends, lag, store, fail, sample, written }
}

const at = (sequence: number, offset = 0) => ({ sequencenumber: String(sequence), offset: String(offset) })

test('hubs and groups are those the container knows, behind by what their blobs say', async () => {
  const { put, sample, ends } = world()
  put('ns.example/orders/billing/checkpoint/0', at(89, 4500))
  put('ns.example/orders/billing/ownership/0', { ownerid: 'w1' })
  const [row] = await sample()
  assert.ok(row !== undefined)
  assert.deepEqual(
    [row.hub, row.group, row.checkpoint, row.lag, row.lagBytes, row.owner, row.isAgeEstimated],
    ['orders', 'billing', 89, 10, 500, 'w1', true],
  )
  ends[0] = { beginSequence: 95, endSequence: 100, lastOffset: 'opaque', lastEnqueuedTimeMs: 0 }
  const [lost] = await sample()
  assert.deepEqual([lost?.status, lost?.lost, lost?.lagBytes], ['LOST', 5, null])
})

test('a container of several namespaces: only blobs under this host, unless it has none there', async () => {
  const { put, sample, blobs } = world()
  put('other.example/orders/billing/checkpoint/0', at(10))
  assert.equal((await sample())[0]?.checkpoint, 10)
  put('ns.example/orders/billing/checkpoint/0', at(50))
  assert.equal((await sample())[0]?.checkpoint, 50)
  blobs.clear()
  assert.deepEqual(await sample(), [])
})

test('a lease of the library before today’s is read where there is nothing newer', async () => {
  const { put, sample } = world({ hubs: ['orders'] })
  const lease = { PartitionId: '0', Owner: 'host-1', Token: 't', Epoch: 3, Offset: '1000', SequenceNumber: 20 }
  put('$Default/0', {}, JSON.stringify(lease))
  put('$Default/1', {}, 'no lease')
  const [row] = await sample()
  assert.deepEqual([row?.group, row?.checkpoint, row?.owner, row?.lagBytes], ['$Default', 20, 'host-1', 4000])
  put('ns.example/orders/$default/checkpoint/0', at(60))
  assert.equal((await sample())[0]?.checkpoint, 60)
})

test('a checkpoint without an offset, or with none that is a number, counts by its sequence number', async () => {
  const { put, sample } = world()
  put('ns.example/orders/billing/checkpoint/0', { sequencenumber: '89' })
  const [row] = await sample()
  assert.deepEqual([row?.checkpoint, row?.lag, row?.lagBytes], [89, 10, null])
})

test('a container that is not there yet knows nothing; one that fails is told at first, and by the rows later', async () => {
  const { put, sample, fail } = world({ hubs: ['orders'], groups: ['audit'] })
  fail(new EhubError('unauthorized', 'no'))
  await assert.rejects(sample(), /no/)
  fail(new EhubError('container-not-found', 'none'))
  assert.equal((await sample())[0]?.status, 'UNUSED')
  fail(null)
  put('ns.example/orders/audit/checkpoint/0', at(99))
  assert.equal((await sample())[0]?.lag, 0)
  fail(new EhubError('connect-failed', 'gone'))
  assert.equal((await sample())[0]?.status, 'UNKNOWN')
  fail(null)
  assert.equal((await sample())[0]?.status, 'OK')
})

test('ages are exact for the last event and interpolated between looks', async () => {
  const { clock, put, sample, ends } = world()
  put('ns.example/orders/billing/checkpoint/0', at(98))
  clock.advance(500)
  const [exact] = await sample()
  assert.deepEqual([exact?.ageMs, exact?.isAgeEstimated], [500, false])
  clock.advance(9500)
  ends[0] = { beginSequence: 0, endSequence: 200, lastOffset: '9000', lastEnqueuedTimeMs: clock.now() }
  put('ns.example/orders/billing/checkpoint/0', at(148))
  const [between] = await sample()
  assert.deepEqual([between?.ageMs, between?.isAgeEstimated], [5000, true])
  assert.equal(between?.inRate, 100 / 9.5)
})

test('a checkpoint is written as the SDKs write it, only over what was read', async () => {
  const { put, lag, store, written } = world()
  put('ns.example/orders/billing/checkpoint/0', { ...at(89, 4500), clientidentifier: 'c' })
  await lag.sample()
  const stored = lag.storedGroup('Orders', 'Billing')?.checkpoints.get(0)?.blob ?? null
  await store.write({ hub: 'orders', group: 'billing', partition: 0 }, stored, { sequence: 9, offset: 400 })
  await store.write({ hub: 'Orders', group: 'Billing', partition: 1 }, null, { sequence: -1, offset: -1 })
  assert.deepEqual(written, [
    ['ns.example/orders/billing/checkpoint/0', { clientidentifier: 'c', sequencenumber: '9', offset: '400' }, 'e0'],
    ['ns.example/orders/billing/checkpoint/1', { sequencenumber: '-1', offset: '-1' }, null],
  ])
})
