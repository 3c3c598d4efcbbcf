import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runJob } from './job.ts'

const fixedSeeds = 25
const twice = 3

test(`${fixedSeeds} lives of a compacted hub keep the newest of each key, and seeds run twice agree`, async (t) => {
  const { figures, failures } = await runJob({ job: 'seeds', kind: 'compaction', from: 0, count: fixedSeeds, twice })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
})
