import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { HealthServer } from '../../../../src/daemon/protocols/http/health-server.ts'
import { metricsContentType, renderMetrics } from '../../../../src/daemon/protocols/http/metrics.ts'
import { snapshotAt } from '../../../tui/fixture.ts'
import { batchOf, openTestBroker, publishStored, receiving } from '../../broker/builders.ts'

const counters = {
  tornTails: 1,
  commitGroups: 20,
  commitMsTotal: 1500,
  unsyncedBytes: 4096,
  unsyncedMs: 80,
  damagedRanges: 2,
}

async function serve(t: TestContext) {
  const opened = await openTestBroker(t, {}, { partitionCount: 2 })
  const { broker, owner, engine } = opened
  let refusing: string | null = null
  const bugs: unknown[] = []
  let isBroken = false
  const server = new HealthServer({
    refusing: () => refusing,
    metrics: async () => {
      if (isBroken) throw new TypeError('a bug')
      return renderMetrics({
        broker,
        caller: owner,
        engine: () => ({ ...engine.status(), counters }),
        lag: () => snapshotAt(0),
        connections: () => 3,
        capture: () => [],
        startedAtMs: 1_000_000,
        version: '1.2.3',
      })
    },
    metricsContentType,
    onBug: (error) => bugs.push(error),
  })
  const port = await server.listen('127.0.0.1', 0)
  t.after(() => server.close())
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method })
  return {
    ...opened,
    get,
    bugs,
    refuse: (reason: string) => void (refusing = reason),
    breakIt: () => void (isBroken = true),
  }
}

test('health answers as the emulator does, and 503 while events are refused', async (t) => {
  const { get, refuse } = await serve(t)
  const well = await get('/health')
  assert.deepEqual([well.status, await well.json()], [200, { status: 'healthy', message: 'Service is healthy.' }])
  assert.equal((await get('/ready')).status, 200)
  refuse('the disk is full')
  const sick = await get('/health?x=1')
  assert.deepEqual([sick.status, ((await sick.json()) as { status: string }).status], [503, 'unhealthy'])
})

test('metrics tell events, receivers, lag and levels with their labels', async (t) => {
  const s = await serve(t)
  await publishStored(s, batchOf(['a', 'b', 'c']))
  s.broker.openReceiver(s.owner, receiving()).report(5, 2)
  const response = await s.get('/metrics')
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  for (const line of [
    'ehub_build_info{version="1.2.3"} 1',
    'ehub_connections 3',
    'ehub_storage_torn_tails_total 1',
    'ehub_storage_commit_groups_total 20',
    'ehub_storage_commit_seconds_total 1.5',
    'ehub_storage_unsynced_bytes 4096',
    'ehub_storage_unsynced_age_seconds 0.08',
    'ehub_storage_damaged_ranges 2',
    'ehub_partition_events_total{hub="orders",partition="0"} 3',
    'ehub_partition_events_total{hub="orders",partition="1"} 0',
    'ehub_receivers{hub="orders",group="$Default",partition="0"} 1',
    'ehub_receiver_delivered_events{hub="orders",group="$Default",partition="0"} 2',
    'ehub_group_lag_events{hub="orders",group="audit",partition="1"} 8198',
    'ehub_group_lag_age_seconds{hub="orders",group="audit",partition="1"} 41',
    'ehub_group_level{hub="telemetry",group="alerts",partition="0"} 3',
    'ehub_group_status{hub="telemetry",group="alerts",partition="0",status="STOP"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} is missing in\n${text}`)
  }
  assert.doesNotMatch(text, /group="\$Default",partition="0"\} 51/, 'unused groups are left out')
})

test('anything else is refused, and a bug ends one answer and is told', async (t) => {
  const { get, bugs, breakIt } = await serve(t)
  assert.equal((await get('/')).status, 404)
  assert.equal((await get('/health', 'POST')).status, 405)
  breakIt()
  await assert.rejects(get('/metrics'))
  assert.match(String(bugs[0]), /a bug/)
})
