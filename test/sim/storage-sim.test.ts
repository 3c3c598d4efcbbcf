import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { runJob } from './job.ts'

const fixedSeeds = 400
const freshSeeds = 300
const twice = 20

test(`${fixedSeeds} lives of the storage engine keep what was acknowledged, and seeds run twice agree`, async (t) => {
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'storage', from: 0, count: fixedSeeds, twice })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})

// Lives that once broke a promise, by what went wrong.
for (const [seed, wrong] of [
  [904582, 'a log moved twice without an event between forgot where the failed segment had ended'],
  [210013, 'a segment was taken out of the way before the one to replace it was whole'],
  [905525, 'the start of a log went back to where a compacted batch begins'],
] as const) {
  test(`life ${seed}: ${wrong}`, async () => {
    const { failures } = await runJob({ job: 'seeds', kind: 'storage', from: seed, count: 1, twice: 0 })
    assert.equal(failures.length, 0, failures.join('\n'))
  })
}

test(`${freshSeeds} lives nobody has seen before`, async (t) => {
  const from = randomInt(2 ** 31)
  t.diagnostic(`npm run sim -- --kind storage --seeds ${freshSeeds} --seed ${from}`)
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'storage', from, count: freshSeeds, twice: 5 })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
