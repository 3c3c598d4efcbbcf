// Fuzzes the AMQP decoders: `npm run fuzz -- --inputs N [--seed S] [--first I] [--seconds T]`. Prints the seed, the rate and
// every violation with the command that shows it again; exits 1 when there was one.

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { SystemClock } from '../src/base/clock.ts'
import { runFuzz } from '../test/wire/amqp/fuzz.ts'
import { fuzzTargets } from '../test/wire/amqp/fuzz-targets.ts'

const roundInputs = 20_000

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string' },
    first: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '0' },
  },
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const inputs = Number(values.inputs)
const secondsMax = Number(values.seconds)
let first = Number(values.first)
if (![seed, inputs, secondsMax, first].every(Number.isSafeInteger)) {
  console.error('fuzz: --inputs, --seed, --first and --seconds take whole numbers')
  process.exit(2)
}

const clock = new SystemClock()
const targets = fuzzTargets()
const startedAt = clock.monotonicMs()
const seconds = () => (clock.monotonicMs() - startedAt) / 1000
const total = { inputs: 0, bytes: 0, accepted: 0, refused: 0, slowestMs: 0 }
const violations = []
console.log(`seed ${seed}, ${inputs} inputs from ${first}`)

let shownAt = 0
while (total.inputs < inputs && violations.length === 0 && (secondsMax === 0 || seconds() < secondsMax)) {
  const report = runFuzz({ seed, first, inputs: Math.min(roundInputs, inputs - total.inputs), clock, targets })
  first += report.inputs
  for (const key of ['inputs', 'bytes', 'accepted', 'refused']) total[key] += report[key]
  total.slowestMs = Math.max(total.slowestMs, report.slowestMs)
  violations.push(...report.violations)
  if (seconds() - shownAt > 10) {
    shownAt = seconds()
    console.log(`  ${total.inputs} inputs, ${Math.round(total.inputs / shownAt)} a second`)
  }
}

for (const { target, input, what, bytes } of violations) {
  console.log(`violation in ${target}, input ${input}: ${what}`)
  console.log(`  bytes: ${bytes.subarray(0, 256).toString('hex')}${bytes.length > 256 ? `… (${bytes.length})` : ''}`)
  console.log(`  again: node scripts/fuzz.mjs --seed ${seed} --first ${input} --inputs 1`)
}
console.log(
  `${total.inputs} inputs (${total.accepted} accepted, ${total.refused} refused), ${total.bytes} bytes in ${seconds().toFixed(1)} s: ` +
    `${Math.round(total.inputs / seconds())} a second, slowest ${total.slowestMs.toFixed(1)} ms, ${violations.length} violations`,
)
process.exit(violations.length > 0 ? 1 : 0)
