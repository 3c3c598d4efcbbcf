import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError } from '../../../src/base/error.ts'
import { type Log, quietLog } from '../../../src/base/log.ts'
import { Janitor, type JanitorPlace, type JanitorWork } from '../../../src/daemon/broker/janitor.ts'
import type { OpenHub } from '../../../src/daemon/broker/open-hub.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { settleMicrotasks } from './held-engine.ts'

/** Hubs of the least a janitor looks at. */
function hubsOf(count: number, partitionCount: number): readonly OpenHub[] {
  return Array.from({ length: count }, (_, number) => {
    const partitions = Array.from({ length: partitionCount }, (__, index) => ({ index }))
    const hub = { number, name: `hub${number}`, partitions, partition: (index: number) => partitions[index] }
    return hub as unknown as OpenHub
  })
}

function open(works: readonly JanitorWork[], hubs = hubsOf(1, 2), lines: Log = quietLog) {
  const clock = new SimClock()
  const janitor = new Janitor({ clock, lines, hubs: () => hubs, works })
  janitor.start()
  const pass = async (ms: number) => {
    clock.advance(ms)
    for (let round = 0; round < 20; round++) await settleMicrotasks()
  }
  return { clock, janitor, pass }
}

const placeOf = ({ hub, partition }: JanitorPlace) => `${hub.name}/${partition.index}`

test('each lap comes to every partition that is due, one after the other', async (t) => {
  const done: string[] = []
  const work = {
    name: 'work',
    isDue: ({ partition }: JanitorPlace) => partition.index !== 1,
    run: async (place: JanitorPlace) => void done.push(placeOf(place)),
  }
  const { janitor, pass } = open([work], hubsOf(2, 3))
  t.after(() => janitor.stop())
  await pass(999)
  assert.deepEqual(done, [])
  await pass(1)
  assert.deepEqual(done, ['hub0/0', 'hub0/2', 'hub1/0', 'hub1/2'])
  assert.notEqual(janitor.statusOf(work).lastLapAtMs, null)
  await pass(1000)
  assert.equal(done.length, 8)
})

test('a lap over very many rests in between', async (t) => {
  let count = 0
  const work = { name: 'work', isDue: () => true, run: async () => void count++ }
  const { janitor, pass } = open([work], hubsOf(1, 1000))
  t.after(() => janitor.stop())
  await pass(1000)
  assert.equal(count, 32)
  await pass(10)
  assert.equal(count, 65)
  for (let step = 0; step < 40; step++) await pass(10)
  assert.equal(count, 1000)
})

test('long work in one lane does not keep another from its turn, but from its partition', async (t) => {
  const done: string[] = []
  let finish = () => {}
  const slow = {
    name: 'slow',
    isDue: ({ partition }: JanitorPlace) => partition.index === 0,
    run: () => new Promise<void>((resolve) => (finish = resolve)),
  }
  const quick = { name: 'quick', isDue: () => true, run: async (place: JanitorPlace) => void done.push(placeOf(place)) }
  const { janitor, pass } = open([slow, quick])
  t.after(() => janitor.stop())
  await pass(1000)
  await pass(1000)
  assert.deepEqual(done, ['hub0/1', 'hub0/1'])
  finish()
  await settleMicrotasks()
  await pass(1000)
  assert.ok(done.includes('hub0/0') || done.length > 2)
  finish()
})

test('work that fails is told, counted and tried again ever later', async (t) => {
  const warnings: unknown[] = []
  let tries = 0
  const work = {
    name: 'work',
    isDue: ({ partition }: JanitorPlace) => partition.index === 0,
    run: async () => {
      tries += 1
      throw new EhubError('storage-failed', 'the disk is gone')
    },
  }
  const lines = { ...quietLog, warn: (message: string, fields: unknown) => void warnings.push([message, fields]) }
  const { janitor, pass } = open([work], hubsOf(1, 2), lines)
  t.after(() => janitor.stop())
  const triedAt: number[] = []
  for (let second = 1; second <= 16; second++) {
    const before = tries
    await pass(1000)
    if (tries > before) triedAt.push(second)
  }
  assert.deepEqual(triedAt, [1, 2, 4, 8, 16])
  assert.equal(janitor.statusOf(work).failures, 5)
  assert.deepEqual(warnings[1], [
    'work failed',
    { hub: 'hub0', partition: 0, code: 'storage-failed', reason: 'the disk is gone', waitMs: 2000 },
  ])
})

test('stopping waits for the work under way and begins none', async () => {
  let finish = () => {}
  let runs = 0
  const work = {
    name: 'work',
    isDue: () => true,
    run: () =>
      new Promise<void>((resolve) => {
        runs += 1
        finish = resolve
      }),
  }
  const { janitor, pass } = open([work])
  await pass(1000)
  let isStopped = false
  const stopping = janitor.stop().then(() => (isStopped = true))
  await settleMicrotasks()
  assert.equal(isStopped, false)
  finish()
  await stopping
  assert.equal(runs, 1)
})

test('what a person asks for waits for the work at the partition', async (t) => {
  let finish = () => {}
  const work = {
    name: 'work',
    isDue: ({ partition }: JanitorPlace) => partition.index === 0,
    run: () => new Promise<void>((resolve) => (finish = resolve)),
  }
  const hubs = hubsOf(1, 1)
  const { janitor, pass } = open([work], hubs)
  t.after(() => janitor.stop())
  await pass(1000)
  const order: string[] = []
  const asked = janitor.exclusively(hubs[0]!.partition(0), async () => void order.push('asked'))
  await pass(10)
  assert.deepEqual(order, [])
  finish()
  await settleMicrotasks()
  await pass(10)
  await asked
  assert.deepEqual(order, ['asked'])
})
