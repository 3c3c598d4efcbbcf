import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runJob } from './job.ts'

const fixedSeeds = 20
const twice = 2

test(`in ${fixedSeeds} lives of Capture every event is in exactly one file, and seeds run twice agree`, async (t) => {
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'capture', from: 0, count: fixedSeeds, twice })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
