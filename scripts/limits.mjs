// Start-up and size limits of the built executable, as ratios to an empty script on the same runtime in the same run, so that
// a slow machine does not matter. Exits non-zero when a limit is passed.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const executable = join(root, 'build/ehub')
const folder = mkdtempSync(join(tmpdir(), 'ehub-limits-'))
const empty = join(folder, 'empty.cjs')
writeFileSync(empty, '')

const rounds = 21
const subjects = {
  empty: [process.execPath, empty],
  version: [executable, '--version'],
}
const times = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
for (let round = 0; round < rounds + 2; round++) {
  for (const [name, [command, ...args]] of Object.entries(subjects)) {
    const startedAt = performance.now()
    const { status } = spawnSync(command, args, { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: folder } })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
    // The first two rounds warm the page cache.
    if (round >= 2) times[name].push(performance.now() - startedAt)
  }
}
rmSync(folder, { recursive: true, force: true })

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const sizeMb = statSync(executable).size / 1e6
const checks = [
  ['ehub --version / empty script', median(times.version) / median(times.empty), 1.3],
  ['executable, MB', sizeMb, 160],
]
let failed = 0
for (const [name, value, limit] of checks) {
  const isOk = value <= limit
  if (!isOk) failed++
  console.log(`${isOk ? 'ok  ' : 'OVER'} ${name}: ${value.toFixed(2)} (limit ${limit})`)
}
process.exit(failed > 0 ? 1 : 0)
