// A real daemon under load of several client processes, killed again and again; nothing acknowledged may be lost, altered,
// repeated or reordered: `npm run kill9 -- --cycles N [--daemon small|executable|both] [--points M] [--seed S]`.
// `small` runs the product's parts from the sources with tiny files, `executable` the built program. `--points M` adds M
// exact kill points under strace: at the Nth fdatasync, pwritev, rename, unlink, ftruncate, fsync. With `--capture` (executable only)
// the hub is captured to a folder meanwhile, and at the end its files hold every event of the hub exactly once.

import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { judgeSoFar, startClients } from '../test/sim/kill9/clients.mjs'
import { DaemonProcess, executable, freePort } from '../test/sim/kill9/daemon-process.mjs'
import { CapturedFiles } from '../test/sim/kill9/captured.ts'
import { Judge } from '../test/sim/kill9/judge.ts'
import { readBack } from '../test/sim/kill9/read-back.mjs'
import { fileMade } from '../test/sim/kill9/rolls.mjs'
import { SimRandom } from '../test/sim/sim-random.ts'

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '20' },
    daemon: { type: 'string', default: 'both' },
    points: { type: 'string', default: '0' },
    seed: { type: 'string' },
    seconds: { type: 'string', default: '0' },
    keep: { type: 'boolean', default: false },
    capture: { type: 'boolean', default: false },
  },
})
const partitions = 4
const hub = 'h'
const logName = (partition) => `${hub}/${partition}`
const judgeEvery = 10
/** Large enough for the executable's files of 64 MiB to be followed by new ones. */
const bodyBytesMax = { small: 400, executable: 100_000 }
const rollMsMax = 1500

const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const kinds = values.capture ? ['executable'] : values.daemon === 'both' ? ['small', 'executable'] : [values.daemon]
let isBad = false
for (const kind of kinds) {
  if (kind === 'executable' && !existsSync(executable)) {
    console.log('executable: not built, skipped (npm run build)')
    continue
  }
  isBad = (await run(kind, Math.ceil(Number(values.cycles) / kinds.length))) || isBad
}
process.exit(isBad ? 1 : 0)

async function run(kind, cycles) {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-kill9-'))
  const random = new SimRandom(seed)
  const daemon = new DaemonProcess({ kind, folder, port: await freePort(), hub, partitions })
  const judge = new Judge(logName)
  const captured = values.capture ? new CapturedFiles(daemon, executable) : null
  let inFiles = null
  const kills = {}
  const startedAt = performance.now()
  const isOver = () => Number(values.seconds) > 0 && performance.now() - startedAt > Number(values.seconds) * 1000
  let failure = null
  let clients = []
  console.log(`${kind}: seed ${seed}, ${cycles} cycles`)
  try {
    daemon.spawn()
    await daemon.ready()
    await captured?.enable()
    const bodies = { bodyBytesMax: bodyBytesMax[kind] }
    clients = startClients({ port: daemon.options.port, key: daemon.key, hub, partitions, ...bodies }, judge)
    for (let cycle = 0; cycle < cycles && !isOver(); cycle++) {
      const how = await oneCycle(daemon, random)
      kills[how] = (kills[how] ?? 0) + 1
      if (cycle % judgeEvery === judgeEvery - 1) await judgeSoFar(clients, judge, cycle)
      if ((cycle + 1) % (judgeEvery * 10) === 0)
        console.log(
          `  after ${cycle + 1} cycles: ${judge.acknowledged} acknowledged, ${judge.checker.violationCount} violations`,
        )
    }
    if (Number(values.points) > 0) kills.exact = await exactPoints(daemon, random, Number(values.points))
    await Promise.all(clients.map((client) => client.stop()))
    clients = []
    judge.judge(null)
    const record = (entry) => {
      judge.checker.record(entry)
      if (entry.type === 'stored') captured?.stored(entry)
    }
    await captured?.flush()
    await readBack({ ...daemon.options, key: daemon.key, logName, checker: { record } })
    judge.checker.finish()
    inFiles = (await captured?.judge(logName)) ?? null
    daemon.signal('SIGTERM')
    const { code } = await daemon.ended
    if (code !== 0) throw new Error(`the last SIGTERM ended with ${code}: ${daemon.output}`)
  } catch (error) {
    failure = error
  } finally {
    for (const client of clients) client.child.kill('SIGKILL')
    await daemon.kill()
  }
  const { checker } = judge
  const isBadRun = failure !== null || checker.violationCount > 0
  // What a planted bug did is of no interest.
  if ((isBadRun && process.env.EHUB_PLANT === undefined) || values.keep)
    console.log(`  the data folder is kept in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  const shown = Object.entries(kills).map(([how, count]) => `${count} ${how}`)
  console.log(
    `${kind}: ${Object.values(kills).reduce((a, b) => a + b, 0)} kills (${shown.join(', ')}) in ${seconds} s, ` +
      `${daemon.starts} starts, slowest ready after ${Math.round(daemon.slowestReadyMs)} ms; ` +
      `${judge.acknowledged} sends acknowledged, ${judge.unknown} unknown, ${judge.read} events read, ` +
      `${checker.eventsStored} stored; ${checker.violationCount} violations`,
  )
  if (inFiles !== null) console.log(`  Capture: ${inFiles.events} events in ${inFiles.files} files, each exactly once`)
  for (const { rule, what } of checker.violations.slice(0, 20)) console.log(`  rule ${rule}: ${what}`)
  if (failure !== null) console.log(`  ${failure.stack}`)
  const how = values.capture ? '--capture' : `--daemon ${kind}`
  if (isBadRun) console.log(`  again: npm run kill9 -- --cycles ${cycles} ${how} --seed ${seed}`)
  return isBadRun
}

// ---------------------------------------------------------------- killing

async function oneCycle(daemon, random) {
  const draw = random.below(100)
  if (draw < 35) {
    await sleep(random.between(20, 400))
    await daemon.kill()
    await again(daemon)
    return 'random'
  }
  if (draw < 45) {
    const isMade = await fileMade(daemon.data, rollMsMax)
    await sleep(random.between(0, 3))
    await daemon.kill()
    await again(daemon)
    return isMade ? 'in a roll' : 'random'
  }
  if (draw < 60) {
    await sleep(random.between(0, 20))
    await daemon.kill()
    await again(daemon)
    return 'just after start'
  }
  if (draw < 80) {
    await sleep(random.between(20, 200))
    await daemon.kill()
    const times = random.between(1, 3)
    for (let i = 0; i < times; i++) {
      daemon.spawn()
      await sleep(random.between(20, 300))
      await daemon.kill()
    }
    await again(daemon)
    return 'in recovery'
  }
  if (draw < 90) {
    await sleep(random.between(20, 200))
    daemon.signal('SIGSTOP')
    await sleep(random.between(20, 300))
    if (random.chance(0.5)) {
      daemon.signal('SIGCONT')
      await sleep(random.between(0, 50))
    }
    await daemon.kill()
    await again(daemon)
    return 'stopped'
  }
  await sleep(random.between(20, 200))
  daemon.signal('SIGTERM')
  if (draw < 95) {
    const { code } = await daemon.ended
    if (code !== 0) throw new Error(`SIGTERM ended with ${code}: ${daemon.output}`)
    await again(daemon)
    return 'ended orderly'
  }
  await sleep(random.between(0, 60))
  await daemon.kill()
  await again(daemon)
  return 'while ending'
}

async function again(daemon) {
  daemon.spawn()
  await daemon.ready()
}

/** Kills exactly at the Nth call: the count is per thread, so one pool thread. */
async function exactPoints(daemon, random, points) {
  try {
    execFileSync('strace', ['-qq', '-o', '/dev/null', 'true'])
  } catch {
    console.log('  exact kill points: strace is missing or may not trace here, skipped')
    return 0
  }
  const calls = ['fdatasync', 'fdatasync', 'fdatasync', 'pwritev', 'rename', 'unlink', 'ftruncate', 'fsync', 'openat']
  await daemon.kill()
  for (let point = 0; point < points; point++) {
    const call = calls[point % calls.length]
    const number = random.between(1, call === 'fdatasync' || call === 'pwritev' ? 120 : 12)
    const inject = `inject=${call}:signal=SIGKILL:when=${number}`
    daemon.spawn(['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject])
    // A point that is not reached in this time is passed over.
    await Promise.race([daemon.ended, sleep(6000)])
    await daemon.kill()
  }
  await again(daemon)
  return points
}
