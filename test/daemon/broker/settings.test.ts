import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { changedSettings, newSettings, settingsBefore } from '../../../src/daemon/broker/settings.ts'
import { tiers } from '../../../src/daemon/broker/tiers.ts'

const dayMs = 86_400_000
const refused = (run: () => unknown, wanted: string, text: RegExp) =>
  assert.throws(run, (error) => isEhubError(error) && error.code === wanted && text.test(error.message))

test('a new hub keeps events as long as the tier does by default', () => {
  assert.equal(newSettings({}, tiers.basic).retentionMs, dayMs)
  for (const tier of ['standard', 'premium', 'unlimited'] as const) {
    assert.deepEqual(newSettings({}, tiers[tier]), { ...settingsBefore, retentionMs: 7 * dayMs })
  }
})

test('the longest retention is the tier’s', () => {
  for (const [limits, longest] of [
    [tiers.basic, 1],
    [tiers.standard, 7],
    [tiers.premium, 90],
  ] as const) {
    assert.equal(newSettings({ retentionMs: longest * dayMs }, limits).retentionMs, longest * dayMs)
    refused(
      () => newSettings({ retentionMs: longest * dayMs + 1 }, limits),
      'argument-out-of-range',
      new RegExp(`longer than tier "${limits.tier}" keeps events: ${longest}d`),
    )
  }
  assert.equal(newSettings({ retentionMs: 5000 * dayMs }, tiers.unlimited).retentionMs, 5000 * dayMs)
})

test('events can be kept for ever, as the service’s -1 says, but not in Basic', () => {
  assert.equal(newSettings({ retentionMs: null }, tiers.standard).retentionMs, null)
  refused(() => newSettings({ retentionMs: null }, tiers.basic), 'argument-out-of-range', /without end/)
})

test('seconds are allowed, less is not', () => {
  assert.equal(newSettings({ retentionMs: 1000 }, tiers.standard).retentionMs, 1000)
  for (const retentionMs of [999, 0, -1, 1500.5, Number.NaN, 2 ** 60]) {
    refused(() => newSettings({ retentionMs }, tiers.unlimited), 'argument-out-of-range', /retention of/)
  }
})

test('a compacted hub keeps the newest of each key for ever', () => {
  assert.equal(newSettings({ cleanup: 'compact' }, tiers.standard).retentionMs, null)
  refused(
    () => newSettings({ cleanup: 'compact', retentionMs: 1000 }, tiers.standard),
    'argument-error',
    /does not go with cleanup "compact"/,
  )
  const both = newSettings({ cleanup: 'delete-or-compact', retentionMs: dayMs }, tiers.standard)
  assert.equal(both.retentionMs, dayMs)
  assert.equal(changedSettings(both, { cleanup: 'compact' }, tiers.standard).retentionMs, null)
})

test('nothing is compacted in Basic', () => {
  refused(() => newSettings({ cleanup: 'compact' }, tiers.basic), 'not-allowed', /tier "basic"/)
})

test('only what is asked for is checked', () => {
  const long = newSettings({ retentionMs: 30 * dayMs }, tiers.premium)
  assert.equal(changedSettings(long, { minCompactionLagMs: 5 }, tiers.basic).retentionMs, 30 * dayMs)
})
