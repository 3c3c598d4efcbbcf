// What Prometheus' own tool says of a running daemon's /metrics and of the dashboard's queries.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { askedOf, labelsIn, queriesOf, readDashboard } from '../daemon/protocols/http/dashboard.ts'
import { Person } from './ehub.ts'

const promtool = spawnSync('promtool', ['--version'], { encoding: 'utf8' })
const skip = promtool.error === undefined ? false : 'promtool is not installed (Debian: prometheus)'

test('promtool finds nothing wrong with the metrics, and understands every query of the dashboard', {
  skip,
}, async (t) => {
  const person = new Person(t)
  assert.equal((await person.startDaemon(['--ephemeral', '--hub', 'orders:2'])).code, 0)
  await person.run(['send', 'orders', 'a', 'b', 'c'])
  await person.run(['receive', 'orders', '-e', '--from', 'beginning'])
  await person.run(['checkpoint', 'orders', '--to', 'end', '--yes'])
  // Has the daemon look now: metrics are of its last look.
  await person.run(['lag'])
  const { ports } = JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout)
  const metrics = await (await fetch(`http://127.0.0.1:${ports.health}/metrics`)).text()
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' })
  assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', ''])

  const dashboard = readDashboard()
  const rules = queriesOf(dashboard).map(({ expr }, index) => ({
    record: `query:${index}`,
    // As Grafana fills them in.
    expr: expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*'),
  }))
  const file = join(person.home, 'rules.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  const parsed = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
  assert.equal(parsed.status, 0, parsed.stdout + parsed.stderr)
  assert.match(parsed.stdout, new RegExp(`SUCCESS: ${rules.length} rules found`))

  const there = labelsIn(metrics)
  // Only what there was no occasion for is left out: no error was told, nothing lags.
  const missing = queriesOf(dashboard).flatMap((query) => [...askedOf(query).keys()].filter((name) => !there.has(name)))
  assert.deepEqual([...new Set(missing)].toSorted(), [
    'ehub_errors_total',
    'ehub_group_lag_age_seconds',
    'ehub_receivers',
  ])
})
