import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findPlanted } from './planted.ts'
import { plantedBugs } from './planted-bugs.ts'

// The ones found quickly; `node scripts/planted.mjs` runs all of them.
const quick = [
  'answer before sync',
  'no directory sync',
  'no checksum',
  'index trusted blindly',
  'sequence reused',
  'owner level checked after delivery',
  'apply before durable',
  'compare-and-set ignored',
  'a clock that jumps is believed',
  'progress of Capture noted before its file',
  'Capture file renamed without a sync',
  'compaction takes the newest',
]

test('there are at least eight planted bugs', () => {
  assert.ok(plantedBugs.length >= 8)
})

test('every line to plant a bug in is there once', () => {
  for (const { name, edits } of plantedBugs) {
    for (const { file, find } of edits) {
      const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
      assert.equal(source.split(find).length, 2, `${name}, ${file}: ${find}`)
    }
  }
})

for (const name of quick) {
  test(`a planted bug is found: ${name}`, async (t) => {
    const bug = plantedBugs.find((candidate) => candidate.name === name)!
    const found = await findPlanted(bug, 0)
    assert.notEqual(found, null, `not found in ${bug.seedsMax} seeds`)
    t.diagnostic(`after ${found!.seeds} of at most ${bug.seedsMax} seeds: ${found!.what}`)
  })
}
