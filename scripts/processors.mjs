// `npm run processors -- [--processors 4] [--partitions 32] [--interval-ms 2000] [--expires-ms 8000]`: the bar for unmodified processors
// with the blob checkpoint store. Starts them against a daemon of its own, waits for balance, kills one with -9, and says how long each took,
// how long any partition went without a reader, and whether a checkpoint ever moved back. Exits with 1 when a bar is missed.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: flags } = parseArgs({
  options: {
    processors: { type: 'string', default: '4' },
    partitions: { type: 'string', default: '32' },
    'interval-ms': { type: 'string', default: '2000' },
    'expires-ms': { type: 'string', default: '8000' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const processorCount = Number(flags.processors)
const partitionCount = Number(flags.partitions)
const intervalMs = Number(flags['interval-ms'])
const expiresMs = Number(flags['expires-ms'])
const home = mkdtempSync(join(tmpdir(), 'ehub-processors-'))
const env = {
  PATH: process.env.PATH,
  HOME: home,
  EHUB_RUNTIME_DIR: join(home, 'run'),
  XDG_STATE_HOME: join(home, 'state'),
}
const ehub = (...argv) =>
  execFileSync(join(root, 'build/ehub'), argv, { env, encoding: 'utf8', timeout: 60_000, stdio: 'pipe' })
const say = (line) => process.stdout.write(`${line}\n`)
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

const children = new Map()
/** Who reads each partition now, by what the applications say, and since when nobody does. */
const readers = new Map(Array.from({ length: partitionCount }, (_, index) => [String(index), new Set()]))
const idleSince = new Map()
const longestGap = { ms: 0, partition: '' }
const events = new Map()
let isWatched = false

function noteGaps() {
  if (!isWatched) return
  for (const [partition, names] of readers) {
    if (names.size === 0) idleSince.set(partition, idleSince.get(partition) ?? performance.now())
    const since = idleSince.get(partition)
    if (since === undefined) continue
    const ms = performance.now() - since
    if (ms > longestGap.ms) Object.assign(longestGap, { ms, partition })
    if (names.size > 0) idleSince.delete(partition)
  }
}

function start(name, strings) {
  const child = spawn(process.execPath, [join(root, 'test/interop/azure-blob-js/processor.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...{ ...process.env, ...strings, CONTAINER: 'app', HUB: 'orders', GROUP: '$Default', STRATEGY: 'greedy' },
      ...{ INTERVAL_MS: String(intervalMs), EXPIRY_MS: String(expiresMs) },
    },
  })
  children.set(name, child)
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { did, partition, sequence } = JSON.parse(line)
    if (did === 'begin') readers.get(partition)?.add(name)
    if (did === 'end') readers.get(partition)?.delete(name)
    if (did === 'event') events.set(partition, Math.max(events.get(partition) ?? -1, sequence))
    noteGaps()
  })
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const shares = () => [...children.keys()].map((name) => [...readers.values()].filter((names) => names.has(name)).length)
const isFair = () => {
  const counts = shares()
  return [...readers.values()].every((names) => names.size === 1) && Math.max(...counts) - Math.min(...counts) <= 1
}

const sequences = new Map()
let movedBack = 0
function noteCheckpoints() {
  for (const { partition, sequence } of JSON.parse(ehub('checkpoint', 'orders', '--store', 'app', '--json'))) {
    if (sequence === null) continue
    if (sequence < (sequences.get(partition) ?? -1)) movedBack++
    sequences.set(partition, sequence)
  }
}

async function until(holds, limitMs) {
  const beganMs = performance.now()
  let nextLookMs = 0
  while (!holds()) {
    await pause(20)
    noteGaps()
    const nowMs = performance.now()
    if (nowMs - beganMs > limitMs) return null
    // Not before the first processor has made the container.
    if (events.size > 0 && nowMs >= nextLookMs) {
      noteCheckpoints()
      nextLookMs = nowMs + 1000
    }
  }
  return performance.now() - beganMs
}

const bars = []
function bar(text, ms, boundMs) {
  const isMet = ms !== null && ms <= boundMs
  bars.push(isMet)
  say(`${isMet ? 'PASS' : 'MISS'}  ${text}: ${ms === null ? 'not at all' : seconds(ms)} (bar ≤ ${seconds(boundMs)})`)
}

try {
  const ports = ['amqp', 'amqps', 'https', 'blob', 'health'].flatMap((name) => [`--${name}-port`, '0'])
  ehub('daemon', 'start', '--ephemeral', ...ports, '--hub', `orders:${partitionCount}`)
  const strings = {
    HUB_STRING: ehub('connection-string').trim(),
    BLOB_STRING: ehub('connection-string', '--for', 'blob').trim(),
  }
  for (let index = 0; index < partitionCount; index++) ehub('send', 'orders', '-p', String(index), 'a', 'b')
  say(
    `${processorCount} processors of the JavaScript SDK, ${partitionCount} partitions, interval ${seconds(intervalMs)}, expiry ${seconds(expiresMs)}`,
  )
  start('processor 0', strings)
  await until(() => [...readers.values()].every(({ size }) => size === 1), 60_000)
  for (let index = 1; index < processorCount; index++) start(`processor ${index}`, strings)
  // Counted from when all of them take part.
  await until(() => shares().every((count) => count > 0), 60_000)
  bar('balance of all processors', await until(isFair, 20 * intervalMs), 2 * intervalMs)
  isWatched = true
  const [name, victim] = [...children].at(-1)
  victim.kill('SIGKILL')
  await once(victim, 'exit')
  children.delete(name)
  for (const names of readers.values()) names.delete(name)
  noteGaps()
  for (let index = 0; index < partitionCount; index++) ehub('send', 'orders', '-p', String(index), 'c')
  await until(isFair, 10 * expiresMs)
  bar('longest time of a partition without a reader after kill -9', longestGap.ms, expiresMs + intervalMs)
  const everything = await until(() => [...readers.keys()].every((partition) => events.get(partition) === 2), 30_000)
  bars.push(everything !== null, movedBack === 0)
  say(`${everything === null ? 'MISS' : 'PASS'}  every event was handled`)
  noteCheckpoints()
  say(`${movedBack === 0 ? 'PASS' : 'MISS'}  checkpoints moved back ${movedBack} times`)
} finally {
  for (const child of children.values()) child.kill('SIGKILL')
  try {
    ehub('daemon', 'stop', '--grace', '0s')
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
process.exitCode = bars.every(Boolean) ? 0 : 1
