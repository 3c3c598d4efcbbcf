import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { runJob } from './job.ts'

const fixedSeeds = 120
const freshSeeds = 80
const twice = 15

test(`${fixedSeeds} lives of a broker leave histories without a violation, and seeds run twice agree`, async (t) => {
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'broker', from: 0, count: fixedSeeds, twice })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})

test(`${freshSeeds} lives nobody has seen before do, too`, async (t) => {
  const from = randomInt(2 ** 31)
  t.diagnostic(`broker seeds ${from}..${from + freshSeeds - 1}`)
  const { failures } = await runJob({ job: 'seeds', kind: 'broker', from, count: freshSeeds, twice: 0 })
  assert.equal(failures.length, 0, failures.join('\n'))
})
