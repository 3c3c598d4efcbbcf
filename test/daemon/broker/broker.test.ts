import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError, isEhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import type { Broker, Caller, Right } from '../../../src/daemon/broker/broker-api.ts'
import { sasTokenKind } from '../../../src/daemon/broker/tokens.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { makeSasToken } from '../../../src/wire/sas.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { batchOf, openTestBroker, publishStored, readAll, receiving, single } from './builders.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

test('the first start makes the root rule with two random keys, the next ones keep it', async () => {
  const engine = new MemoryEngine()
  const rules = async (seed: number) => {
    const broker = await openBroker({ engine, clock: new SimClock(), random: new SimRandom(seed), log: quietLog })
    const found = broker.listRules(broker.ownerCaller(''))
    await broker.close()
    return found
  }
  const first = await rules(1)
  assert.equal(first.length, 1)
  assert.equal(first[0]?.name, 'RootManageSharedAccessKey')
  assert.deepEqual(first[0]?.rights, ['listen', 'manage', 'send'])
  for (const key of [first[0]?.primaryKey, first[0]?.secondaryKey]) assert.match(key ?? '', /^[A-Za-z0-9+/]{43}=$/)
  assert.notEqual(first[0]?.primaryKey, first[0]?.secondaryKey)
  assert.deepEqual(await rules(2), first)
})

test('after a restart everything is as it was: hubs, groups, events, checkpoints', async () => {
  const engine = new MemoryEngine()
  const clock = new SimClock()
  const look = async (broker: Broker) => {
    const owner = broker.ownerCaller('')
    return {
      hubs: broker.listHubs(owner),
      partition: broker.describePartition(owner, 'orders', '0'),
      checkpoints: broker.checkpoints(owner, 'orders', 'g1'),
      events: await readAll(broker.openReceiver(owner, receiving())),
    }
  }
  const open = () => openBroker({ engine, clock, random: new SimRandom(1), log: quietLog })
  const broker = await open()
  const owner = broker.ownerCaller('')
  await broker.createHub(owner, { name: 'orders', partitionCount: 2, groups: ['g1'] })
  await publishStored({ broker, owner }, batchOf(['a', 'b'], 'key'))
  await publishStored({ broker, owner }, single('c'))
  await broker.setCheckpoint(owner, 'orders', 'g1', 0, { sequence: 1 })
  const before = await look(broker)
  await broker.close()
  const again = await open()
  assert.deepEqual(await look(again), before)
  assert.equal(await publishStored({ broker: again, owner }, single('d')), 3)
  await again.close()
})

test('the time of an event is the one it was stored with; before the start that of the earliest, beyond the end none', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  const { broker, owner, clock } = test
  const times: number[] = []
  for (let index = 0; index < 3; index++) {
    clock.advance(10)
    times.push(clock.now())
    await publishStored(test, batchOf(['a', 'b']))
  }
  const at = (sequence: number) => broker.enqueuedTimeOf(owner, 'orders', 0, sequence)
  assert.deepEqual(await Promise.all([0, 1, 2, 5, 6].map(at)), [times[0], times[0], times[1], times[2], null])
  await engine.trim('ns1/h2', 0, 2)
  assert.equal(await at(0), times[1])
})

test('any namespace that is not known is the default one', async (t) => {
  const { broker } = await openTestBroker(t, { namespace: 'my-namespace' })
  for (const name of ['', 'localhost', '127.0.0.1', 'contoso', 'MY-NAMESPACE']) {
    assert.equal(broker.ownerCaller(name).namespace, 'my-namespace')
  }
})

// ---------------------------------------------------------------- who may do what

type Operation = (broker: Broker, caller: Caller, hub: string) => unknown
const beginning = { kind: 'beginning' } as const

// Every operation of the API with the rights of which one is enough, and the path a token must reach; `null`: the namespace.
const operations: Readonly<
  Record<string, { readonly needs: readonly Right[]; readonly path: string | null; readonly run: Operation }>
> = {
  'publish to a hub': {
    needs: ['send'],
    path: '',
    run: (broker, caller, hub) => broker.openPublisher(caller, hub, null).close(),
  },
  'publish to a partition': {
    needs: ['send'],
    path: '/partitions/0',
    run: (broker, caller, hub) => broker.openPublisher(caller, hub, '0').close(),
  },
  receive: {
    needs: ['listen'],
    path: '/consumergroups/$default/partitions/0',
    run: (broker, caller, hub) => broker.openReceiver(caller, receiving({ hub })).close(),
  },
  'describe a hub': {
    needs: ['listen', 'send'],
    path: '/$management',
    run: (broker, caller, hub) => broker.describeHub(caller, hub),
  },
  'describe a partition': {
    needs: ['listen', 'send'],
    path: '/$management',
    run: (broker, caller, hub) => broker.describePartition(caller, hub, '0'),
  },
  'resolve a position': {
    needs: ['listen', 'send'],
    path: '/$management',
    run: (broker, caller, hub) => broker.resolvePosition(caller, hub, 0, beginning),
  },
  'read the time of an event': {
    needs: ['listen', 'send'],
    path: '/$management',
    run: (broker, caller, hub) => broker.enqueuedTimeOf(caller, hub, 0, 0),
  },
  'see a hub in the list': {
    needs: ['listen', 'send'],
    path: '/$management',
    run: (broker, caller, hub) => {
      if (!broker.listHubs(caller).some(({ name }) => name === hub)) throw new EhubError('unauthorized', 'not listed')
    },
  },
  'create a hub': {
    needs: ['manage'],
    path: '',
    run: (broker, caller, hub) => broker.createHub(caller, { name: hub, ifNotExists: true }),
  },
  'create a group': {
    needs: ['manage'],
    path: '/consumergroups/g',
    run: (broker, caller, hub) => broker.createGroup(caller, hub, 'g', true),
  },
  'delete a group': {
    needs: ['manage'],
    path: '/consumergroups/gone',
    run: (broker, caller, hub) => broker.deleteGroup(caller, hub, 'gone'),
  },
  'delete a hub': {
    needs: ['manage'],
    path: '',
    run: (broker, caller, hub) => broker.deleteHub(caller, hub),
  },
  'list the receivers of a hub': {
    needs: ['manage'],
    path: '',
    run: (broker, caller, hub) => broker.listReceivers(caller, hub),
  },
  'list checkpoints': {
    needs: ['listen'],
    path: '/consumergroups/$default',
    run: (broker, caller, hub) => broker.checkpoints(caller, hub, '$Default'),
  },
  'set a checkpoint': {
    needs: ['listen'],
    path: '/consumergroups/$default',
    run: (broker, caller, hub) => broker.setCheckpoint(caller, hub, '$Default', 0, { sequence: -1 }),
  },
  'clear a checkpoint': {
    needs: ['listen'],
    path: '/consumergroups/$default',
    run: (broker, caller, hub) => broker.clearCheckpoint(caller, hub, '$Default', 0),
  },
  'list all receivers': { needs: ['manage'], path: null, run: (broker, caller) => broker.listReceivers(caller, null) },
  'kick a receiver': { needs: ['manage'], path: null, run: (broker, caller) => broker.kickReceiver(caller, 1) },
  'list rules': { needs: ['manage'], path: null, run: (broker, caller) => broker.listRules(caller) },
}

/** Callers as a hub-scoped token of a rule with one right would make them. */
function callerWith(right: Right, scope: string): Caller {
  const covers = (path: string) => scope === '' || path === scope || path.startsWith(`${scope}/`)
  return {
    name: right,
    namespace: 'local',
    can: (asked, path) => (asked === right || right === 'manage') && covers(path.toLowerCase()),
    whenRightsLapse: () => ({ stop: () => undefined }),
    close: () => undefined,
  }
}

for (const [name, { needs, path, run }] of Object.entries(operations)) {
  test(`to ${name} one needs ${needs.join(' or ')}, on that entity and no neighbour`, async (t) => {
    const isAllowed = async (caller: Caller): Promise<boolean> => {
      const { broker } = await openTestBroker(t, {}, { partitionCount: 1 })
      try {
        await run(broker, caller, 'orders')
        return true
      } catch (error) {
        // Any other refusal comes after the rights.
        if (isEhubError(error)) return error.code !== 'unauthorized'
        throw error
      }
    }
    const entity = path === null ? '' : `orders${path}`
    for (const right of ['send', 'listen', 'manage'] as const) {
      const expected = right === 'manage' || needs.includes(right)
      assert.equal(await isAllowed(callerWith(right, '')), expected, `${right} on the namespace`)
      assert.equal(await isAllowed(callerWith(right, entity)), expected, `${right} on "${entity}"`)
      if (path !== null) assert.equal(await isAllowed(callerWith(right, 'orders')), expected, `${right} on the hub`)
    }
    for (const neighbour of ['order', 'orders2', 'orders/partitions/1', 'orders/consumergroups/other']) {
      assert.equal(await isAllowed(callerWith('manage', neighbour)), false, `manage on ${neighbour}`)
    }
    const { broker } = await openTestBroker(t)
    assert.equal(await isAllowed(broker.anonymousCaller('')), false, 'nobody')
  })
}

test('the rights come first: who may not look learns nothing about what exists', async (t) => {
  const { broker } = await openTestBroker(t)
  const nobody = broker.anonymousCaller('')
  const messages = ['orders', 'nothing'].map((hub) => {
    try {
      return broker.describeHub(nobody, hub).name
    } catch (error) {
      return isEhubError(error, 'unauthorized') ? error.message.replace(hub, 'X') : 'another error'
    }
  })
  assert.equal(messages[0], messages[1])
})

test('a token of the service, signed by the rule, opens exactly its hub', async (t) => {
  const { broker, owner, clock } = await openTestBroker(t)
  await broker.createHub(owner, { name: 'orders2' })
  const [rule] = broker.listRules(owner)
  const caller = broker.anonymousCaller('localhost')
  const resource = 'sb://localhost:5672/orders'
  caller.putToken(
    resource,
    sasTokenKind,
    makeSasToken({
      resource,
      ruleName: 'RootManageSharedAccessKey',
      key: rule?.secondaryKey ?? '',
      expiresAtSeconds: clock.now() / 1000 + 60,
    }),
  )
  broker.openPublisher(caller, 'Orders', '1')
  broker.openReceiver(caller, receiving())
  assert.throws(() => broker.openPublisher(caller, 'orders2', null), code('unauthorized'))
  assert.deepEqual(
    broker.listHubs(caller).map(({ name }) => name),
    ['orders'],
  )
  const plain = broker.plainCaller('', 'rootmanagesharedaccesskey', rule?.primaryKey ?? '')
  assert.equal(broker.listHubs(plain).length, 2)
})

// ---------------------------------------------------------------- the end

test('draining finishes what is in flight, then detaches everybody; nobody new comes in', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine })
  engine.holds = ({ group }) => group !== '$state'
  const publisher = broker.openPublisher(owner, 'orders', '0')
  const receiver = broker.openReceiver(owner, receiving())
  const order: string[] = []
  publisher.onDetached(({ code: reason }) => order.push(`publisher ${reason}`))
  receiver.onDetached(({ code: reason }) => order.push(`receiver ${reason}`))
  publisher.publish(single('a')).group.whenSettled((outcome) => order.push(String(outcome)))
  const draining = broker.drain().then(() => order.push('drained'))
  assert.throws(() => publisher.publish(single('b')), code('shutting-down'))
  assert.throws(() => broker.openPublisher(owner, 'orders', null), code('shutting-down'))
  assert.throws(() => broker.openReceiver(owner, receiving()), code('shutting-down'))
  await settleMicrotasks()
  assert.deepEqual(order, [])
  await engine.release()
  await draining
  assert.deepEqual(order, ['stored', 'publisher shutting-down', 'receiver shutting-down', 'drained'])
})

test('a checkpoint asked for before closing was refused when it had to be looked up first: now closing waits for it', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine })
  const { broker, owner } = test
  for (const content of ['a', 'b']) await publishStored(test, single(content))
  engine.isCold = true
  const asked = broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: 0 })
  const closing = broker.close()
  assert.equal((await asked).sequence, 0)
  await closing
  await assert.rejects(broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: 1 }), code('shutting-down'))
})

test('closing twice is fine, and afterwards nothing is taken', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  await broker.close()
  await broker.close()
  await assert.rejects(broker.createHub(owner, { name: 'x' }), code('shutting-down'))
})
