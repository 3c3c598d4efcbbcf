import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Job, runJob } from './job.ts'
import { scripts } from './scripts.ts'

test('there are at least fifty scripts', () => {
  assert.ok(scripts.length >= 50, `${scripts.length}`)
})

const steps = { bytes: 251, sectors: 6, phase: 1 }
const slices: readonly [what: string, job: Job][] = [
  ['scripts crashed after every operation lose nothing acknowledged', { job: 'crash', everyNth: 9, isSlice: true }],
  ['scripts with any operation failing lose nothing acknowledged', { job: 'faults', everyNth: 13, isSlice: true }],
  ['damage to the folder of a closed process is confined and named', { job: 'damage', ending: 'closed', steps }],
  ['damage to the folder of a killed process is confined and named', { job: 'damage', ending: 'killed', steps }],
]

for (const [what, job] of slices) {
  test(`${what}: a slice`, async (t) => {
    const { figures, failures } = await runJob(job)
    t.diagnostic(JSON.stringify(figures))
    assert.equal(failures.length, 0, failures.join('\n'))
  })
}

test('a damaged index file costs nothing', async (t) => {
  const { figures, failures } = await runJob({ job: 'index', steps: { bytes: 9, sectors: 1, phase: 0 } })
  t.diagnostic(JSON.stringify(figures))
  assert.equal(failures.length, 0, failures.join('\n'))
  assert.equal(figures.unharmed, figures.tried)
})
