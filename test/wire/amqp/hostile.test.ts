import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SystemClock } from '../../../src/base/clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { fuzzTargets } from './fuzz-targets.ts'
import { overKept, runInput } from './fuzz.ts'
import { type HostileBytes, hostileBodies, hostileStreams, hostileValues } from './hostile.ts'

const clock = new SystemClock()
const corpora = { values: hostileValues(), bodies: hostileBodies(), streams: hostileStreams() }

/** Which decoders meet which bytes: those they were made for, and those a confused peer would send. */
const meets: Readonly<Record<string, readonly (keyof typeof corpora)[]>> = {
  value: ['values', 'streams'],
  performative: ['bodies', 'streams'],
  sasl: ['bodies'],
  transfer: ['bodies'],
  stream: ['streams', 'values'],
  message: ['bodies', 'values'],
  single: ['bodies', 'streams'],
  batch: ['bodies'],
  selector: ['values'],
}

function attack(target: ReturnType<typeof fuzzTargets>[number], items: readonly HostileBytes[]): void {
  for (const [index, item] of items.entries()) {
    const random = new SimRandom(index)
    const outcome = runInput(target, item.bytes, random, clock)
    assert.equal(outcome.violation, null, `${item.name}: ${outcome.violation ?? ''}`)
    // What an answer keeps takes a collection to measure: where there is much to keep.
    if (item.bytes.length > 400_000) assert.equal(overKept(target, item.bytes, random), null, item.name)
  }
}

describe('hostile bytes give a value or a named error, in bounded time and memory', () => {
  for (const target of fuzzTargets()) {
    for (const name of meets[target.name] ?? [])
      test(`${target.name} on hostile ${name}`, () => attack(target, corpora[name]))
  }
  test('every decoder is attacked', () => {
    assert.deepEqual(
      fuzzTargets().map((target) => target.name),
      Object.keys(meets),
    )
  })
})
