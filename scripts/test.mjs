// `npm test`: builds the executable, then runs the groups below and ends with one plain line of counts.
// `node scripts/test.mjs unit e2e` runs only the named groups; `--no-build` leaves the executable as it is.

import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(`Node 24 is needed, this is ${process.version}. Run "npm ci" first and start this through "npm test".`)
  process.exit(1)
}

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

// One process for what shares nothing, one process a file for what starts programs of its own. Stages run one after the
// other, the groups of a stage side by side: two cores.
const groups = {
  unit: {
    stage: 1,
    files: ['test/{base,wire,client,cli,commands,tui,tidy}/**/*.test.{ts,tsx}', 'test/daemon/**/*.test.ts'],
    isolation: 'none',
  },
  sim: { stage: 1, files: ['test/{sim,conformance}/**/*.test.ts'], isolation: 'none' },
  interop: { stage: 2, files: ['test/interop/azure-{event-hubs,blob}-js/**/*.test.ts'], isolation: 'process' },
  e2e: { stage: 2, files: ['test/e2e/**/*.test.ts'], isolation: 'process' },
}

const named = process.argv.slice(2).filter((word) => !word.startsWith('--'))
for (const name of named) {
  if (groups[name] === undefined) {
    console.error(`no group "${name}"; there are ${Object.keys(groups).join(', ')}`)
    process.exit(2)
  }
}
const chosen = Object.keys(groups).filter((name) => named.length === 0 || named.includes(name))
const scratch = mkdtempSync(join(tmpdir(), 'ehub-test-'))

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', (error) => {
      console.error(String(error))
      resolve(1)
    })
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1))
  })
}

async function runGroup(name) {
  const { files, isolation } = groups[name]
  const found = files.flatMap((pattern) => globSync(pattern)).toSorted()
  if (found.length === 0) return { name, code: 1, passed: 0, failed: 1, skipped: 0, skips: [], ms: 0 }
  const counts = join(scratch, `${name}.json`)
  const startedAt = performance.now()
  const code = await run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--import',
    './scripts/tsx-hook.mjs',
    '--test',
    `--test-isolation=${isolation}`,
    // Whoever waits for programs waits well in pairs.
    ...(isolation === 'process' ? ['--test-concurrency=2'] : []),
    '--test-timeout=120000',
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/count-reporter.mjs',
    `--test-reporter-destination=${counts}`,
    ...found,
  ])
  const ms = Math.round(performance.now() - startedAt)
  const text = existsSync(counts) ? readFileSync(counts, 'utf8').trim() : ''
  if (text === '') return { name, code: code === 0 ? 1 : code, passed: 0, failed: 1, skipped: 0, skips: [], ms }
  return { name, code, ms, ...JSON.parse(text) }
}

let exitCode = 0
const results = []
try {
  if (!process.argv.includes('--no-build') && (named.length === 0 || chosen.some((name) => groups[name].stage === 2))) {
    exitCode = await run(process.execPath, ['scripts/build.mjs'])
  }
  for (const stage of [1, 2]) {
    if (exitCode !== 0) break
    const names = chosen.filter((name) => groups[name].stage === stage)
    results.push(...(await Promise.all(names.map(runGroup))))
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

console.log('')
let passed = 0
let failed = 0
let skipped = 0
for (const result of results) {
  passed += result.passed
  failed += result.failed
  skipped += result.skipped
  if (result.code !== 0 && result.failed === 0) failed++
  if (result.code !== 0) exitCode = 1
  console.log(
    `${result.name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${(result.ms / 1000).toFixed(1)} s`,
  )
  for (const skip of result.skips) console.log(`  skipped ${skip}`)
}
if (results.length === 0) failed++
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed > 0 || exitCode !== 0 ? 1 : 0)
