// Everything that can be tried exhaustively: `npm run sweep [-- --only crash,faults,damage] [--slice] [--match TEXT]
// [--part I/N]`. Exits 1 on any violation, naming the point that shows it.

import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'crash,faults,damage' },
    slice: { type: 'boolean', default: false },
    /** Of crash and faults: only scripts whose name has this in it. */
    match: { type: 'string', default: '' },
    /** Of those the Ith of N parts, from 1. */
    part: { type: 'string', default: '1/1' },
    /** Damage: every how many bytes and lengths; 1: all. */
    step: { type: 'string', default: '1' },
  },
})
const all = await import('../test/sim/scripts.ts')
const [part, parts] = values.part.split('/').map(Number)
const scripts = all.scripts
  .filter(({ name }) => name.includes(values.match))
  .filter((_script, index) => index % parts === part - 1)
const { sweepCrashPoints } = await import('../test/sim/crash-points.ts')
const { sweepOperations } = await import('../test/sim/nth-operation.ts')
const { makeIndexedFolder, makeSmallFolder, sweepCorruption } = await import('../test/sim/corruption-sweep.ts')
const { openPlainEngine } = await import('../test/sim/engines.ts')

const sweeps = {
  crash: () => sweepCrashPoints(openPlainEngine, scripts, values.slice),
  faults: () => sweepOperations(openPlainEngine, scripts, values.slice),
  damage: async () => {
    const step = Number(values.step)
    const total = { tried: 0, unharmed: 0, named: 0, refused: 0, failures: [] }
    for (const ending of ['closed', 'killed']) {
      const folder = await makeSmallFolder(openPlainEngine, ending)
      const report = await sweepCorruption(openPlainEngine, folder, { bytes: step, sectors: 1, phase: 0 })
      const bytes = [...folder.files.values()].reduce((sum, file) => sum + file.length, 0)
      console.log(`  ${ending} folder: ${folder.files.size} files, ${bytes} bytes, ${report.tried} damages`)
      for (const key of ['tried', 'unharmed', 'named', 'refused']) total[key] += report[key]
      total.failures.push(...report.failures)
    }
    const indexed = await makeIndexedFolder(openPlainEngine)
    const only = [...indexed.files.keys()].find((path) => path.endsWith('.index'))
    const report = await sweepCorruption(openPlainEngine, indexed, { bytes: step, sectors: 1, phase: 0, only })
    console.log(`  index file: ${indexed.files.get(only).length} bytes, ${report.tried} damages`)
    for (const key of ['tried', 'unharmed', 'named', 'refused']) total[key] += report[key]
    total.failures.push(...report.failures)
    return total
  },
}

let failed = 0
for (const name of values.only.split(',')) {
  const sweep = sweeps[name]
  if (sweep === undefined) {
    console.error(`no sweep "${name}"; there are ${Object.keys(sweeps).join(', ')}`)
    process.exit(2)
  }
  const startedAt = performance.now()
  const { failures, ...figures } = await sweep()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const shown = Object.entries(figures).map(([key, value]) => `${value} ${key}`)
  console.log(`${name}: ${shown.join(', ')}, ${failures.length} violations in ${seconds} s`)
  for (const { name: point, error } of failures) console.log(`  ${point}\n    ${error.stack}`)
  failed += failures.length
}
process.exit(failed > 0 ? 1 : 0)
