// A real daemon under load on a disk whose power is cut, again and again; nothing acknowledged may be lost, altered, repeated
// or reordered: `npm run powercut -- --cuts N [--daemon small|executable|both] [--seed S]`. The disk is an NBD server of our
// own with a volatile cache (test/sim/powercut), mounted over nbdfuse, a loop device and ext4. Needs root and Debian's
// libnbd-bin, fuse3, e2fsprogs; says what is missing and exits with 2.

import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { judgeSoFar, startClients } from '../test/sim/kill9/clients.mjs'
import { DaemonProcess, executable, freePort } from '../test/sim/kill9/daemon-process.mjs'
import { Judge } from '../test/sim/kill9/judge.ts'
import { readBack } from '../test/sim/kill9/read-back.mjs'
import { MountedDisk, missingForMount } from '../test/sim/powercut/mounted-disk.ts'
import { NbdServer } from '../test/sim/powercut/nbd-server.ts'
import { survivals, VolatileDisk } from '../test/sim/powercut/volatile-disk.ts'
import { SimRandom } from '../test/sim/sim-random.ts'

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '20' },
    daemon: { type: 'string', default: 'both' },
    seed: { type: 'string' },
    seconds: { type: 'string', default: '0' },
  },
})
const partitions = 4
const hub = 'h'
const logName = (partition) => `${hub}/${partition}`
const judgeEvery = 10
const diskBytes = 1024 * 1024 * 1024
/** A disk that begins anew every so many cuts stays far from full. */
const cutsPerDisk = 50
const bodyBytesMax = { small: 400, executable: 20_000 }
const exactMsMax = 2000

const missing = missingForMount()
if (missing !== null) {
  console.error(`power cuts: ${missing}`)
  process.exit(2)
}
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const kinds = values.daemon === 'both' ? ['small', 'executable'] : [values.daemon]
const startedAt = performance.now()
const isOver = () => Number(values.seconds) > 0 && performance.now() - startedAt > Number(values.seconds) * 1000
let isBad = false
for (const kind of kinds) {
  if (kind === 'executable' && !existsSync(executable)) {
    console.log('executable: not built, skipped (npm run build)')
    continue
  }
  const cuts = Math.ceil(Number(values.cuts) / kinds.length)
  for (let first = 0; first < cuts && !isOver() && !isBad; first += cutsPerDisk) {
    isBad = await run(kind, Math.min(cutsPerDisk, cuts - first), (seed + first) >>> 0)
  }
}
process.exit(isBad ? 1 : 0)

async function run(kind, cuts, seedOfDisk) {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-powercut-'))
  const random = new SimRandom(seedOfDisk)
  const disk = new VolatileDisk(diskBytes)
  const socketPath = join(folder, 'nbd.sock')
  const server = await NbdServer.listen(disk, socketPath)
  const mounted = new MountedDisk(folder, socketPath)
  const data = join(mounted.mountPoint, 'data')
  const daemon = new DaemonProcess({ kind, folder, data, port: await freePort(), hub, partitions })
  const judge = new Judge(logName)
  /** What happened at which cut, told when something is wrong. */
  const story = []
  const tally = { faults: {}, sectors: 0, kept: 0, cuts: 0, mended: 0 }
  const beganAt = performance.now()
  let failure = null
  let clients = []
  console.log(`${kind}: seed ${seedOfDisk}, ${cuts} cuts`)
  process.once('SIGINT', () => process.exit(130))
  try {
    await mounted.attach()
    await mounted.format()
    await mounted.mount()
    daemon.spawn()
    await daemon.ready()
    const target = { port: daemon.options.port, key: daemon.key, hub, partitions, bodyBytesMax: bodyBytesMax[kind] }
    clients = startClients(target, judge)
    for (; tally.cuts < cuts && !isOver(); tally.cuts++) {
      await oneCut({ kind, daemon, disk, server, mounted, random, tally, story })
      if (tally.cuts % judgeEvery === judgeEvery - 1) await judgeSoFar(clients, judge, tally.cuts)
    }
    await Promise.all(clients.map((client) => client.stop()))
    clients = []
    judge.judge(null)
    await readBack({ ...daemon.options, key: daemon.key, logName, checker: judge.checker })
    judge.checker.finish()
    daemon.signal('SIGTERM')
    const { code } = await daemon.ended
    if (code !== 0) throw new Error(`the last SIGTERM ended with ${code}: ${daemon.output}`)
  } catch (error) {
    failure = error
  } finally {
    for (const client of clients) client.child.kill('SIGKILL')
    if (daemon.child !== null) await daemon.kill()
    if (disk.isCut) disk.revive('all', random)
    await mounted.detach()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const { checker } = judge
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(0)
  const shown = Object.entries(tally.faults).map(([what, count]) => `${count} ${what}`)
  console.log(
    `${kind}: ${tally.cuts} cuts in ${seconds} s (${shown.join(', ')}); ` +
      `${tally.kept} of ${tally.sectors} unflushed sectors survived, ${disk.counts.flushes} flushes, ` +
      `${disk.counts.failedWrites} failed writes, ${disk.counts.failedFlushes} failed flushes, file system mended ${tally.mended} times; ` +
      `slowest ready after ${Math.round(daemon.slowestReadyMs)} ms; ${judge.acknowledged} sends acknowledged, ` +
      `${judge.unknown} unknown, ${judge.read} events read, ${checker.eventsStored} stored; ${checker.violationCount} violations`,
  )
  for (const { rule, what } of checker.violations.slice(0, 50)) console.log(`  rule ${rule}: ${what}`)
  if (failure !== null) console.log(`  ${failure.stack}\n  the daemon said: ${daemon.output}`)
  if (checker.violationCount > 0) console.log(`  the daemon said: ${daemon.output}`)
  const isBadRun = failure !== null || checker.violationCount > 0
  if (isBadRun) for (const line of story) console.log(`  ${line}`)
  if (isBadRun) console.log(`  again: npm run powercut -- --cuts ${cuts} --daemon ${kind} --seed ${seedOfDisk}`)
  return isBadRun
}

/** Load, perhaps a fault, a cut, what survives, a check of the file system, a start. */
async function oneCut({ daemon, disk, server, mounted, random, tally, story }) {
  const count = (what) => {
    story.push(`${what} at ${new Date().toISOString()}`)
    tally.faults[what] = (tally.faults[what] ?? 0) + 1
  }
  await sleep(random.between(50, 500))
  // A disk that refuses single requests may rightly leave a file system to mend; one that loses power may not.
  let hasFailed = false
  const draw = random.below(100)
  if (draw < 12) {
    count('eio-write')
    hasFailed = true
    disk.failingWrites = random.between(1, 3)
    await sleep(random.between(50, 600))
  } else if (draw < 24) {
    count('eio-flush')
    hasFailed = true
    disk.failingFlushes = random.between(1, 2)
    await sleep(random.between(50, 600))
  } else if (draw < 44) {
    count('slow')
    const slowest = random.between(5, 60)
    server.flushDelayMs = () => random.below(slowest)
    await sleep(random.between(50, 400))
  }
  const when = random.pick(['at once', 'before a write', 'before a flush', 'before a flush'])
  if (when !== 'at once') {
    const kind = when === 'before a write' ? 'write' : 'flush'
    const reached = disk.cutBefore(kind, random.between(1, kind === 'write' ? 60 : 25))
    await Promise.race([reached, sleep(exactMsMax)])
  }
  count(disk.isCut ? `cut ${when}` : 'cut at once')
  disk.cut()
  // Sometimes the program sees the dead disk for a while.
  if (random.chance(0.3)) await sleep(random.between(0, 200))
  await daemon.kill()
  await mounted.detach()
  server.flushDelayMs = () => 0
  const report = disk.revive(random.pick(survivals), random)
  tally.sectors += report.sectors
  tally.kept += report.kept
  await mounted.attach()
  story.push(`cut ${tally.cuts}: ${report.survival}, ${report.kept} of ${report.sectors} sectors`)
  const { replay, full, output } = await mounted.check()
  if (full !== 0 || replay > 1) {
    if (!hasFailed) throw new Error(`the file system is not clean after a power cut (${replay}, ${full}): ${output}`)
    tally.mended++
    await mounted.mend()
  }
  await mounted.mount()
  daemon.spawn()
  await daemon.ready()
  story.push(`ready at ${new Date().toISOString()}`)
}
