// Bounded fuzzing of the AMQP decoders. Input `n` of seed `s` depends on these two numbers alone, so a violation is shown
// again by running that one input. Oracle (reliability rules, H3 c): a value or a named error, at most 50 ms an input,
// memory in proportion to the input, decode(encode(x)) = x.

import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock } from '../../../src/base/clock.ts'
import { EhubError } from '../../../src/base/error.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import type { FuzzTarget } from './fuzz-targets.ts'
import { hostileNumbers } from './hostile.ts'

const inputMsMax = 50
const growthBytesMin = 64 * 1024
// The heap grows in steps of its own, and with what was dropped again: below this a measurement says nothing.
const heapStepBytes = 1024 * 1024
// What may be taken and dropped again while decoding; what is allocated because a number asked for it is far above.
const passingPerByte = 1024
// Every so many inputs what stays is measured, whatever the heap's growth says: it takes a collection, milliseconds.
const measuredEvery = 10_000
// A pause of the machine, or the compiler's own memory, is no violation: it does not come every time.
const repeats = 5
/** Above this a corpus entry is only sent as it is: mutants of 100 KB would be all the run does. */
const mutatedBytesMax = 4096

export interface FuzzOptions {
  readonly seed: number
  /** Number of the first input. */
  readonly first: number
  readonly inputs: number
  readonly clock: Clock
  /** `fuzzTargets()`, which takes a moment to make. */
  readonly targets: readonly FuzzTarget[]
}

export interface FuzzViolation {
  readonly target: string
  readonly input: number
  readonly what: string
  readonly bytes: Buffer
}

export interface FuzzReport {
  readonly inputs: number
  readonly bytes: number
  /** Inputs a decoder took, and those it refused with a named error. */
  readonly accepted: number
  readonly refused: number
  readonly slowestMs: number
  /** At most 20: a decoder that is broken is broken often. */
  readonly violations: readonly FuzzViolation[]
}

export function runFuzz(options: FuzzOptions): FuzzReport {
  const { targets } = options
  const violations: FuzzViolation[] = []
  const total = { bytes: 0, accepted: 0, refused: 0, slowestMs: 0 }
  let done = 0
  for (; done < options.inputs && violations.length < 20; done += 1) {
    const input = options.first + done
    const random = new SimRandom(Math.imul(options.seed, 0x9e3779b1) ^ input)
    const target = random.pick(targets)
    const bytes = makeInput(random, target, targets)
    total.bytes += bytes.length
    const outcome = runInput(target, bytes, random, options.clock)
    total.slowestMs = Math.max(total.slowestMs, outcome.ms)
    if (outcome.isAccepted) total.accepted += 1
    else total.refused += 1
    const isMeasured = input % measuredEvery === 0
    const what = outcome.violation ?? (isMeasured ? overKept(target, bytes, random) : null)
    if (what !== null) violations.push({ target: target.name, input, what, bytes })
  }
  return { inputs: done, ...total, violations }
}

interface Outcome {
  readonly isAccepted: boolean
  readonly ms: number
  /** Time or memory, which a second try may not confirm. */
  readonly isOverBound: boolean
  readonly violation: string | null
}

/** One input through one decoder, judged; what is over a bound is tried again and must be so each time. */
export function runInput(target: FuzzTarget, bytes: Buffer, random: SimRandom, clock: Clock): Outcome {
  let outcome = judge(target, bytes, random, clock)
  for (let i = 0; i < repeats && outcome.isOverBound; i += 1) outcome = judge(target, bytes, random, clock)
  return outcome
}

function judge(target: FuzzTarget, bytes: Buffer, random: SimRandom, clock: Clock): Outcome {
  const input = Buffer.from(bytes)
  const heapBefore = heapBytes()
  const startedAt = clock.monotonicMs()
  let result: unknown
  let thrown: unknown = null
  try {
    result = target.decode(input, random)
  } catch (error) {
    thrown = error
  }
  const ms = clock.monotonicMs() - startedAt
  const grown = heapBytes() - heapBefore
  const isAccepted = thrown === null
  if (ms > inputMsMax) return { isAccepted, ms, isOverBound: true, violation: `took ${ms.toFixed(0)} ms` }
  const tooMuch = overMemory(target, input, random, grown)
  if (tooMuch !== null) return { isAccepted, ms, isOverBound: true, violation: tooMuch }
  return {
    isAccepted,
    ms,
    isOverBound: false,
    violation: thrown === null ? misfit(target, bytes, result) : unnamed(target, thrown),
  }
}

/** What is wrong with an answer, null when nothing is. */
function misfit(target: FuzzTarget, bytes: Buffer, result: unknown): string | null {
  try {
    target.check(bytes, result)
    return null
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** What is wrong with a refusal, null when it has one of the target's codes. */
function unnamed(target: FuzzTarget, thrown: unknown): string | null {
  if (thrown instanceof EhubError && target.codes.includes(thrown.code)) return null
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}

/** What is wrong with the memory an input took, by the heap's growth meanwhile; null when nothing shows. */
function overMemory(target: FuzzTarget, input: Buffer, random: SimRandom, grown: number): string | null {
  if (grown <= heapStepBytes + target.growthPerByte * input.length) return null
  const passing = heapStepBytes + passingPerByte * input.length
  if (grown > passing) return `took ${grown} bytes of memory in passing, ${passing} allowed`
  return overKept(target, input, random)
}

/** What is wrong with the memory an input's answer keeps, measured with the collector's help; null when nothing is. */
export function overKept(target: FuzzTarget, input: Buffer, random: SimRandom): string | null {
  const allowed = target.growthPerByte * input.length + growthBytesMin
  const copy = Buffer.from(input)
  collect()
  const before = heapBytes()
  const kept: unknown[] = []
  try {
    kept.push(target.decode(copy, random))
  } catch (error) {
    kept.push(error)
  }
  collect()
  const stays = heapBytes() - before
  return kept.length === 1 && stays > allowed ? `keeps ${stays} bytes of memory, ${allowed} allowed` : null
}

let collector: (() => void) | null = null

/** A full collection, without a flag on the command line; twice, for buffers are swept while the program runs on. */
function collect(): void {
  if (collector === null) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
  }
  collector()
  collector()
}

function heapBytes(): number {
  const heap = getHeapStatistics()
  return heap.used_heap_size + heap.external_memory
}

// ---------------------------------------------------------------- inputs

function makeInput(random: SimRandom, target: FuzzTarget, targets: readonly FuzzTarget[]): Buffer {
  const roll = random.below(100)
  if (roll < 5) return random.bytes(random.below(64))
  if (roll < 15) return Buffer.from(generate(random, 0).slice(0, mutatedBytesMax))
  const corpus = roll < 25 ? random.pick(targets).corpus : target.corpus
  const base = random.pick(corpus)
  if (base.length > mutatedBytesMax) return base
  let bytes: Buffer = Buffer.from(base)
  for (let i = random.below(4); i > 0; i -= 1) bytes = mutate(random, bytes, random.pick(corpus))
  return bytes
}

function mutate(random: SimRandom, bytes: Buffer, other: Buffer): Buffer {
  const at = random.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + random.below(16))
  switch (random.below(10)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(8)), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1), mutatedBytesMax)])
    case 5: {
      const number = Buffer.alloc(4)
      number.writeUInt32BE(random.pick(hostileNumbers))
      return overwrite(bytes, at, number)
    }
    case 6:
      return overwrite(bytes, at, Buffer.from([random.pick(constructors)]))
    case 7:
      return overwrite(bytes, at, Buffer.from([(bytes[at] ?? 0) ^ (1 << random.below(8))]))
    case 8:
      return overwrite(bytes, at, Buffer.from([(bytes[at] ?? 0) + (random.chance(0.5) ? 1 : 255)]))
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(generate(random, 2)), bytes.subarray(at)])
  }
}

function overwrite(bytes: Buffer, at: number, by: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  by.copy(copy, Math.min(at, copy.length))
  return copy
}

const constructors = [
  0x00, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x60, 0x61, 0x70, 0x71, 0x72,
  0x73, 0x74, 0x80, 0x81, 0x82, 0x83, 0x84, 0x94, 0x98, 0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0, 0xd1,
  0xe0, 0xf0,
]

/** Bytes of the grammar, now and then with a number that lies. */
function generate(random: SimRandom, depth: number): number[] {
  const code = random.pick(constructors)
  const lie = (value: number) => (random.chance(0.02) ? random.pick(hostileNumbers) : value)
  const uint = (value: number, width: number) =>
    width === 1 ? [value & 0xff] : [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
  if (code === 0x00) {
    const descriptor = random.chance(0.7) ? [0x53, random.between(0x10, 0x78)] : generate(random, depth + 1)
    return [0x00, ...descriptor, ...(depth > 6 ? [0x45] : generate(random, depth + 1))]
  }
  if (code < 0xa0) return [code, ...random.bytes(code < 0x50 ? 0 : 1 << ((code >> 4) - 5))]
  const width = (code & 0x10) === 0 ? 1 : 4
  if (code < 0xc0) {
    const text = [...random.bytes(random.below(12))].map((byte) => byte & 0x7f)
    return [code, ...uint(lie(text.length), width), ...text]
  }
  const content: number[] = []
  let count = 0
  if (code >= 0xe0) {
    const element = random.pick(constructors.slice(7, 28))
    content.push(element)
    count = random.below(4)
    for (let i = 0; i < count; i += 1) content.push(...random.bytes(1 << ((element >> 4) - 5)))
  } else {
    count = depth > 5 ? 0 : random.below(5)
    if (code === 0xc1 || code === 0xd1) count &= ~1
    for (let i = 0; i < count; i += 1) content.push(...generate(random, depth + 1))
  }
  return [code, ...uint(lie(content.length + width), width), ...uint(lie(count), width), ...content]
}
