import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLag, parseAgeMs, parseEventCount, parseThresholds } from '../../src/cli/lag-check.ts'
import { partition } from '../tui/fixture.ts'

const events = (text: string) => parseThresholds(text, '--check', parseEventCount)
const age = (text: string) => parseThresholds(text, '--age-check', parseAgeMs)

test('thresholds: both, either, or one bare value that is critical', () => {
  assert.deepEqual(events('warn=10,crit=100'), { warn: 10, crit: 100 })
  assert.deepEqual(events('crit=100'), { warn: null, crit: 100 })
  assert.deepEqual(events('warn=0'), { warn: 0, crit: null })
  assert.deepEqual(age('5m'), { warn: null, crit: 300_000 })
})

test('a threshold that cannot be meant is refused by name', () => {
  for (const text of [
    '',
    'warn',
    'warn=',
    'warn=1=2',
    'warn=1,warn=2',
    'warn=x',
    'warn=-1',
    'bad=1',
    'warn=10,crit=5',
  ]) {
    assert.throws(() => events(text), { name: 'EhubError', code: 'usage' }, text)
  }
})

test('the worst row decides, a threshold is reached at its value, unused groups do not count', () => {
  const rows = [partition('h', 'g', 0, { lag: 10, ageMs: 1000 }), partition('h', 'g', 1, { lag: 99, ageMs: null })]
  assert.equal(checkLag(rows, events('warn=100'), null), 'ok')
  assert.equal(checkLag(rows, events('warn=99'), null), 'warning')
  assert.equal(checkLag(rows, events('warn=10,crit=99'), null), 'critical')
  assert.equal(checkLag(rows, null, age('warn=1s,crit=2s')), 'warning')
  assert.equal(checkLag([partition('h', 'g', 0, { lag: 5000, status: 'UNUSED' })], events('1'), null), 'ok')
})
