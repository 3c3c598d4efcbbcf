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

test(`${freshSeeds} lives of a broker nobody has seen before`, async (t) => {
  const from = randomInt(2 ** 31)
  t.diagnostic(`npm run sim -- --kind broker --seeds ${freshSeeds} --seed ${from}`)
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'broker', from, count: freshSeeds, twice: 5 })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
