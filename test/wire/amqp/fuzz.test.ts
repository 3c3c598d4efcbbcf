import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SystemClock } from '../../../src/base/clock.ts'
import { EhubError } from '../../../src/base/error.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { type FuzzTarget, fuzzTargets } from './fuzz-targets.ts'
import { runFuzz, runInput } from './fuzz.ts'

const clock = new SystemClock()
const targets = fuzzTargets()

test('ten thousand inputs of one seed violate nothing, and some of them are accepted', () => {
  const report = runFuzz({ seed: 1, first: 0, inputs: 10_000, clock, targets })
  assert.deepEqual(report.violations, [])
  assert.equal(report.inputs, 10_000)
  assert.ok(report.accepted > 500 && report.refused > 500, `${report.accepted} accepted, ${report.refused} refused`)
})

test('the same inputs come again, alone too', () => {
  const sums = (first: number, inputs: number) => runFuzz({ seed: 7, first, inputs, clock, targets })
  const { bytes, accepted } = sums(100, 50)
  assert.deepEqual([sums(100, 50).bytes, sums(100, 50).accepted], [bytes, accepted])
  assert.equal(sums(100, 20).bytes + sums(120, 30).bytes, bytes)
})

test('a decoder that throws something else, takes too much or gives the wrong answer is found', () => {
  const judge = (parts: Partial<FuzzTarget>): string | null => {
    const target: FuzzTarget = {
      name: 't',
      corpus: [],
      codes: ['decode-error'],
      growthPerByte: 4,
      decode: () => null,
      check: () => undefined,
      ...parts,
    }
    return runInput(target, Buffer.alloc(10), new SimRandom(1), clock).violation
  }
  const fail = (error: Error) => () => {
    throw error
  }
  assert.equal(judge({}), null)
  assert.equal(judge({ decode: fail(new EhubError('decode-error', 'x')) }), null)
  assert.match(judge({ decode: fail(new EhubError('internal-error', 'x')) }) ?? '', /EhubError/)
  assert.match(judge({ decode: fail(new RangeError('out of range')) }) ?? '', /RangeError/)
  assert.match(judge({ decode: () => Buffer.alloc(1_050_000) }) ?? '', /keeps \d+ bytes/)
  assert.match(judge({ decode: () => Buffer.alloc(4_000_000).length }) ?? '', /in passing/)
  assert.match(judge({ check: fail(new Error('not the same')) }) ?? '', /not the same/)
})
