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

test(`${freshSeeds} lives nobody has seen before`, async (t) => {
  const from = randomInt(2 ** 31)
  t.diagnostic(`npm run sim -- --kind storage --seeds ${freshSeeds} --seed ${from}`)
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'storage', from, count: freshSeeds, twice: 5 })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
