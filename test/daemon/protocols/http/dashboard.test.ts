// docs/grafana/ehub.json: every query is answered by the metrics the daemon has, and the file is a dashboard Grafana can show.
// The shape is that of Grafana's dashboard model, schema version 39.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { EhubError } from '../../../../src/base/error.ts'
import { renderMetrics } from '../../../../src/daemon/protocols/http/metrics.ts'
import { snapshotAt } from '../../../tui/fixture.ts'
import { batchOf, openTestBroker, publishStored, receiving } from '../../broker/builders.ts'
import { askedOf, labelsIn, queriesOf, readDashboard } from './dashboard.ts'

const dashboard = readDashboard()
const panelTypes = ['row', 'stat', 'timeseries', 'state-timeline', 'table']
/** Labels Prometheus adds to everything it scrapes. */
const scraped = new Set(['instance', 'job', 'le'])

test('every metric it asks for is there, with the labels it asks by', async (t) => {
  const opened = await openTestBroker(t, {}, { partitionCount: 2 })
  await publishStored(opened, batchOf(['a', 'b', 'c']))
  opened.broker.openReceiver(opened.owner, receiving()).report(5, 2)
  opened.broker.figures.refused(new EhubError('server-busy', 'later').code)
  const metrics = await renderMetrics({
    broker: opened.broker,
    caller: opened.owner,
    engine: () => opened.engine.status(),
    lag: () => snapshotAt(0),
    connections: () => 3,
    capture: () => [],
    startedAtMs: 1_000_000,
    version: '1.2.3',
  })
  assert.match(metrics, /^ehub_commit_seconds_bucket\{le="\+Inf"\} 1$/m)
  assert.match(metrics, /^ehub_commit_seconds_count 1$/m)
  assert.match(metrics, /^ehub_errors_total\{code="server-busy"\} 1$/m)
  assert.match(metrics, /^ehub_throttled_total 1$/m)
  assert.match(metrics, /^ehub_group_delivered_events_total\{hub="orders",group="\$Default",partition="0"\} 2$/m)
  const there = labelsIn(metrics)
  const documented = readFileSync(new URL('../../../../docs/OPERATIONS.md', import.meta.url), 'utf8')
  const queries = [
    ...queriesOf(dashboard),
    ...dashboard.templating.list.flatMap(({ definition }) =>
      definition === undefined ? [] : [{ expr: definition, legendFormat: '' }],
    ),
  ]
  for (const query of queries) {
    const asked = askedOf(query)
    assert.ok(asked.size > 0, `${query.expr} asks for a metric of ours`)
    for (const [metric, labels] of asked) {
      const known = there.get(metric)
      assert.ok(known !== undefined, `${metric} of "${query.expr}" is not in /metrics`)
      for (const label of labels) {
        assert.ok(known.has(label) || scraped.has(label), `${metric} has no label ${label}, asked in "${query.expr}"`)
      }
      assert.ok(documented.includes(metric.replace(/_bucket$/, '')), `${metric} is documented`)
    }
  }
  for (const metric of there.keys()) {
    assert.ok(documented.includes(metric.replace(/_(?:bucket|sum|count)$/, '')), `${metric} is documented`)
  }
})

test('it is a dashboard: panels with numbers of their own, on a grid of 24, that overlap nowhere', () => {
  assert.deepEqual([dashboard.uid, dashboard.title, dashboard.schemaVersion], ['ehub-overview', 'ehub', 39])
  const ids = dashboard.panels.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  const taken = new Map<string, string>()
  for (const { type, title, gridPos, targets, datasource, fieldConfig, options } of dashboard.panels) {
    assert.ok(panelTypes.includes(type), `${title} is a ${type}`)
    const { x, y, w, h } = gridPos
    assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, `${title} lies on the grid`)
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const cell = `${column},${line}`
        assert.equal(taken.get(cell), undefined, `${title} lies over ${taken.get(cell)}`)
        taken.set(cell, title)
      }
    }
    if (type === 'row') continue
    assert.deepEqual(datasource, { type: 'prometheus', uid: '${datasource}' })
    assert.ok(fieldConfig !== undefined && options !== undefined && targets !== undefined && targets.length > 0, title)
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length)
  }
  const variables = new Set(dashboard.templating.list.map(({ name }) => name))
  for (const [, name = ''] of JSON.stringify(dashboard).matchAll(/\$\{?([a-z_]+)\b/g)) {
    if (!name.startsWith('__')) assert.ok(variables.has(name), `$${name} is a variable of the dashboard`)
  }
})
