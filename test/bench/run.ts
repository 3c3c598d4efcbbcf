// The bench runner: everything side by side in one go. `npm run bench -- [--only NAME[,NAME]] [--rounds 5] [--quick]
// [--full] [--json FILE] [--list] [--minutes 15] [--cold-memory]`. Never a test: a missed bar is a line, only a bench that
// could not run makes it exit with 1.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benches } from './benches/all.ts'
import { type Bench, BenchContext, pageCacheState } from './frame/context.ts'
import { type BenchResult, formatBar, formatFigure, verdictOf } from './frame/result.ts'
import { summarize } from './frame/statistics.ts'
import { endAll } from './frame/workers.ts'
import { PageCacheFiller } from './machine/page-cache.ts'
import { natsVersion } from './partners/nats-server.ts'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    'cold-memory': { type: 'boolean', default: false },
  },
})

const say = (line: string) => process.stdout.write(`${line}\n`)

function chosenBenches(): readonly Bench[] {
  if (flags.only === undefined) return benches
  const names = flags.only.split(',')
  const unknown = names.find((name) => !benches.some((bench) => bench.name === name))
  if (unknown !== undefined) {
    throw new Error(`no bench "${unknown}"; there are ${benches.map((bench) => bench.name).join(', ')}`)
  }
  return benches.filter((bench) => names.includes(bench.name))
}

function commitOfSources(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim()
  } catch {
    return 'unknown'
  }
}

interface Outcome {
  readonly name: string
  readonly title: string
  readonly seconds: number
  readonly result: BenchResult | null
  readonly failure: string | null
}

async function runOne(bench: Bench, root: string, deadlineMs: number): Promise<Outcome> {
  const began = performance.now()
  say(`\n${bench.title}  [${bench.name}]`)
  const settings = {
    rounds: Number(flags.rounds ?? (flags.quick ? 1 : 5)),
    isQuick: flags.quick,
    isFull: flags.full,
  }
  const context = new BenchContext(join(root, bench.name), settings, deadlineMs, say)
  let result: BenchResult | null = null
  let failure: string | null = null
  try {
    result = await bench.run(context)
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  } finally {
    await context.cleanUp()
  }
  for (const figure of result?.figures ?? []) say(`  ${formatFigure(figure)}`)
  for (const note of result?.notes ?? []) say(`  · ${note}`)
  for (const bar of result?.bars ?? []) say(`  ${formatBar(bar)}`)
  if (failure !== null) say(`  FAILED  ${failure}`)
  return { name: bench.name, title: bench.title, seconds: (performance.now() - began) / 1000, result, failure }
}

async function main(): Promise<void> {
  if (flags.list) {
    for (const bench of benches) say(`${bench.name.padEnd(14)} ${bench.title}`)
    return
  }
  const chosen = chosenBenches()
  const minutes = Number(flags.minutes ?? (flags.quick ? 2 : 15))
  const deadlineMs = performance.now() + minutes * 60_000
  const root = mkdtempSync(join(tmpdir(), 'ehub-bench-'))
  const end = () => {
    endAll()
    rmSync(root, { recursive: true, force: true })
  }
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  process.once('exit', end)
  const head = {
    date: new Date().toISOString(),
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.replace(/ -- $/, ''),
    commit: commitOfSources(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${(totalmem() / 1e9).toFixed(0)} GB`,
    node: process.version,
    nats: natsVersion(),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(1)),
  }
  say(`${head.date}  ${head.command}  at ${head.commit}`)
  say(
    `${head.machine}; Node ${head.node}; nats-server ${head.nats ?? 'not installed: its bars are skipped'}; ${pageCacheState()}`,
  )
  const filler = flags['cold-memory'] ? null : new PageCacheFiller(root)
  const outcomes: Outcome[] = []
  for (const bench of chosen) {
    if (performance.now() > deadlineMs) {
      say(`\n${bench.title}  [${bench.name}]\n  SKIPPED  the run's ${minutes} minutes are over`)
      continue
    }
    // What the benches before have deleted is free memory again.
    if (bench.writesMuch === true) filler?.fill(flags.quick ? 5 : 60)
    outcomes.push(await runOne(bench, root, deadlineMs))
  }
  filler?.close()
  summary(outcomes)
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(asJson(head, outcomes), null, 2)}\n`)
  if (outcomes.some((outcome) => outcome.failure !== null)) process.exitCode = 1
}

function summary(outcomes: readonly Outcome[]): void {
  const bars = outcomes.flatMap((outcome) => outcome.result?.bars ?? [])
  if (bars.length === 0) return
  say('\nBars')
  for (const bar of bars) say(`  ${formatBar(bar)}`)
  const count = (verdict: string) => bars.filter((bar) => verdictOf(bar) === verdict).length
  say(`  ${count('PASS')} passed, ${count('MISS')} missed, ${count('SKIPPED')} skipped; ${pageCacheState()}`)
}

function asJson(head: object, outcomes: readonly Outcome[]): object {
  return {
    ...head,
    benches: outcomes.map(({ name, title, seconds, result, failure }) => ({
      name,
      title,
      seconds,
      failure,
      figures: (result?.figures ?? []).map((figure) => ({ ...figure, ...summarize(figure.samples) })),
      bars: (result?.bars ?? []).map((bar) => ({ ...bar, verdict: verdictOf(bar) })),
      notes: result?.notes ?? [],
    })),
  }
}

await main()
process.exit()
