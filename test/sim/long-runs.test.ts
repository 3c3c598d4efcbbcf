// What the scripts of the long runs say and end with when there is something to find.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runPlanted } from './planted.ts'

test('npm run sim ends with 1 and says how to see a violation again', async () => {
  const bug = 'answer before sync'
  const found = await runPlanted(bug, 'sim.mjs', [
    '--kind',
    'storage',
    '--seeds',
    '20',
    '--seed',
    '0',
    '--workers',
    '1',
  ])
  assert.equal(found.code, 1, found.said)
  const replay = /^replay: npm run sim -- (.*)$/m.exec(found.said)?.[1] ?? assert.fail(found.said)
  const again = await runPlanted(bug, 'sim.mjs', replay.split(' '))
  assert.equal(again.code, 1, again.said)
  assert.match(again.said, /1 violations/)
})

test('npm run sweep ends with 1 and names the point', async () => {
  const { code, said } = await runPlanted('no directory sync', 'sweep.mjs', ['--only', 'crash', '--slice'])
  assert.equal(code, 1, said)
  assert.match(said, /^crash: .* [1-9]\d* violations in .* s$/m)
})
