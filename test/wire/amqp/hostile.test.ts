import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SystemClock } from '../../../src/base/clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { fuzzTargets } from './fuzz-targets.ts'
import { overKept, runInput } from './fuzz.ts'
import { hostileBodies, hostileStreams, hostileValues } from './hostile.ts'

const clock = new SystemClock()
const corpora = { values: hostileValues(), bodies: hostileBodies(), streams: hostileStreams() }

// The widest use of the corpus: what was made to hurt one decoder goes through all of them.
describe('hostile bytes give a value or a named error, in bounded time and memory', () => {
  for (const target of fuzzTargets()) {
    for (const [name, corpus] of Object.entries(corpora)) {
      test(`${target.name} on hostile ${name}`, () => {
        for (const [index, item] of corpus.entries()) {
          const random = new SimRandom(index)
          const outcome = runInput(target, item.bytes, random, clock)
          assert.equal(outcome.violation, null, `${item.name}: ${outcome.violation ?? ''}`)
          // What an answer keeps takes a collection to measure: where there is much to keep.
          if (item.bytes.length > 400_000) assert.equal(overKept(target, item.bytes, random), null, item.name)
        }
      })
    }
  }
})
