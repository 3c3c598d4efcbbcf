// Turns a run's JSON (`npm run bench -- --json FILE`) into the tables of docs/BENCHMARKS.md, on stdout.
//   node_modules/.bin/node test/bench/markdown.ts FILE

import { readFileSync } from 'node:fs'
import { type Bar, type Figure, formatValue, type Verdict } from './frame/result.ts'
import type { Summary } from './frame/statistics.ts'

interface Run {
  readonly date: string
  readonly command: string
  readonly commit: string
  readonly machine: string
  readonly node: string
  readonly nats: string | null
  readonly loadBefore: number
  readonly benches: readonly {
    readonly name: string
    readonly title: string
    readonly seconds: number
    readonly failure: string | null
    readonly figures: readonly (Figure & Summary)[]
    readonly bars: readonly (Bar & { readonly verdict: Verdict })[]
    readonly notes: readonly string[]
  }[]
}

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('which FILE? Make one with: npm run bench -- --json FILE')
const run = JSON.parse(readFileSync(path, 'utf8')) as Run
const lines: string[] = []
const table = (head: readonly string[], rows: readonly (readonly string[])[]) => {
  lines.push(`| ${head.join(' | ')} |`, `|${head.map((_, index) => (index === 0 ? '---' : '---:')).join('|')}|`)
  for (const row of rows) lines.push(`| ${row.join(' | ')} |`)
  lines.push('')
}
const boundOf = (bar: Bar) =>
  `${bar.direction === 'at-least' ? '≥' : '≤'} ${bar.unit === '×' ? `${bar.bound} ×` : formatValue(bar.bound, bar.unit)}`
const valueOf = (bar: Bar) => (bar.value === null ? 'partner absent' : formatValue(bar.value, bar.unit))

lines.push(
  `${run.date.slice(0, 10)}, \`${run.command.replace(/ --json \S+/, '')}\` at ${run.commit}. ${run.machine}; Node ${run.node};`,
  `nats-server ${run.nats ?? 'absent'}; load average before the run ${run.loadBefore}.`,
  '',
  '### Bars',
  '',
)
table(
  ['bar', 'measured', 'wanted', ''],
  run.benches.flatMap(({ bars }) => bars.map((bar) => [bar.text, valueOf(bar), boundOf(bar), bar.verdict])),
)
for (const bench of run.benches) {
  lines.push(`### ${bench.title} (\`${bench.name}\`)`, '')
  if (bench.failure !== null) lines.push(`Failed: ${bench.failure.split('\n')[0]}`, '')
  if (bench.figures.length > 0) {
    table(
      ['figure', 'median', 'range', 'n', 'beside'],
      bench.figures.map(({ name, unit, median, low, high, count, detail }) => [
        name,
        formatValue(median, unit),
        `${formatValue(low, unit)} – ${formatValue(high, unit)}`,
        String(count),
        detail ?? '',
      ]),
    )
  }
  for (const note of bench.notes) if (note !== '') lines.push(`- ${note}`)
  lines.push('')
}
process.stdout.write(`${lines.join('\n').trimEnd()}\n`)
