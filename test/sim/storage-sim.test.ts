import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runJob } from './job.ts'

const fixedSeeds = 400
const twice = 20

test(`${fixedSeeds} lives of the storage engine keep what was acknowledged, and seeds run twice agree`, async (t) => {
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'storage', from: 0, count: fixedSeeds, twice })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
