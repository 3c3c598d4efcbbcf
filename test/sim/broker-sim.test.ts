import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runJob } from './job.ts'

const fixedSeeds = 120
const twice = 15

test(`${fixedSeeds} lives of a broker leave histories without a violation, and seeds run twice agree`, async (t) => {
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'broker', from: 0, count: fixedSeeds, twice })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
