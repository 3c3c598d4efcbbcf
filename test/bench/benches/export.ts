// A hub into Capture files and Capture files into lines of JSON, with the built command as people run it; beside it, on the same
// file, fastavro (`EHUB_PYTHON` or python3 with the package) and avro-tools (`AVRO_TOOLS` names its jar), where they are.

import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, type BenchContext, pageCacheState } from '../frame/context.ts'
import { type BenchResult, type Figure, ratioBar, valueBar } from '../frame/result.ts'
import { daemonExists, environmentIn, launcher } from '../subjects/daemon.ts'
import { ehubFor } from '../subjects/ehub.ts'
import { publishTurn } from './publishing.ts'

interface Run {
  readonly seconds: number
  /** User and system time of the command. */
  readonly cpuSeconds: number
}

// The shell's own `times` knows what its children used.
function timed(command: string, argv: readonly string[], env: NodeJS.ProcessEnv): Run {
  const beganMs = performance.now()
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', '"$@" > /dev/null; code=$?; times >&2; exit $code', 'x', command, ...argv],
    {
      env: { ...env, LC_ALL: 'C' },
      encoding: 'utf8',
      timeout: 120_000,
    },
  )
  const seconds = (performance.now() - beganMs) / 1000
  if (status !== 0) throw new Error(`${command} ${argv.join(' ')} ended with ${status}: ${stderr}`)
  const last = stderr.trim().split('\n').at(-1) ?? ''
  const cpuSeconds = [...last.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  )
  return { seconds, cpuSeconds }
}

function figureOf(name: string, events: number, runs: readonly Run[]): Figure {
  const cpu = runs.reduce((sum, run) => sum + run.cpuSeconds, 0) / runs.length
  return {
    name,
    unit: 'events/s',
    samples: runs.map((run) => events / run.seconds),
    detail: `${((cpu / events) * 1e6).toFixed(2)} us CPU an event in the command`,
  }
}

const pythonRead = `
import sys, fastavro
n = 0
with open(sys.argv[1], 'rb') as f:
    for _ in fastavro.reader(f): n += 1
print(n)`

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.avro'))
    .map((name) => join(folder, name))
}

async function run(context: BenchContext): Promise<BenchResult> {
  if (!daemonExists()) return { figures: [], bars: [], notes: ['build/ehub is not built (npm run build): skipped'] }
  const events = context.either(1_000_000, 300_000)
  const ehub = await ehubFor(context, [{ name: 'events', partitionCount: 1, durability: 'os' }])
  const fill = { connections: 1, inFlight: 5_000, warmUpMs: 0, seconds: 0, eventsMax: events }
  await publishTurn(ehub, { addresses: ['events/Partitions/0'], batchEvents: 100, ...fill })
  const env = environmentIn(context.folder('ehub'))
  const out = join(context.folder('out'), 'files')
  const quiet = ['--no-progress', '-q']
  const exported = () => {
    rmSync(out, { recursive: true, force: true })
    return timed(launcher, ['capture-export', 'events', '--out', out, '--split', '2GB', ...quiet], env)
  }
  exported()
  const [file = ''] = filesBelow(out)
  const bytes = statSync(file).size
  const copy = join(context.folder('copy'), 'one.avro')
  spawnSync('cp', [file, copy])
  const python = process.env['EHUB_PYTHON'] ?? 'python3'
  const hasPython = spawnSync(python, ['-c', 'import fastavro'], { stdio: 'ignore' }).status === 0
  const jar = process.env['AVRO_TOOLS']
  const turns = await context.turns<'out' | 'lines' | 'check' | 'python' | 'java', Run>({
    out: () => Promise.resolve(exported()),
    lines: () => Promise.resolve(timed(launcher, ['capture-export', '--source', copy, ...quiet], env)),
    check: () => Promise.resolve(timed(launcher, ['capture-export', '--source', copy, '--verify', ...quiet], env)),
    python: hasPython ? () => Promise.resolve(timed(python, ['-c', pythonRead, copy], process.env)) : null,
    java: jar === undefined ? null : () => Promise.resolve(timed('java', ['-jar', jar, 'tojson', copy], process.env)),
  })
  const toAvro = figureOf('hub to Avro', events, turns.out)
  const toLines = figureOf('Avro to lines of JSON', events, turns.lines)
  const checked = figureOf('Avro read and checked', events, turns.check)
  const fast = hasPython ? figureOf('fastavro, read alone', events, turns.python) : undefined
  const java = jar === undefined ? undefined : figureOf('avro-tools tojson', events, turns.java)
  return {
    figures: [toAvro, toLines, checked, ...(fast === undefined ? [] : [fast]), ...(java === undefined ? [] : [java])],
    bars: [
      valueBar('hub to Avro', toAvro, 'at-least', 200_000),
      valueBar('Avro to lines of JSON', toLines, 'at-least', 200_000),
      ratioBar('Avro read and checked, over fastavro reading', checked, fast, 'at-least', 1),
      ratioBar('Avro to lines of JSON, over avro-tools tojson', toLines, java, 'at-least', 1),
    ],
    notes: [
      `${events / 1e6} M events of 1 KB of one partition, a file of ${(bytes / 1e9).toFixed(2)} GB; output of reading to /dev/null; start of the program included`,
      'the export has the daemon beside it on the same cores',
      ...(hasPython ? [] : ['no Python with fastavro: pip install fastavro, EHUB_PYTHON names the Python']),
      ...(jar === undefined ? ['no avro-tools: AVRO_TOOLS names its jar'] : []),
      pageCacheState(),
    ],
  }
}

export const exporting: Bench = {
  name: 'export',
  writesMuch: true,
  title: 'A hub to Capture files, Capture files to JSON',
  run,
}
