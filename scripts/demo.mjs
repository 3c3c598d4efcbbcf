// `npm run demo`: real text through a durable partitioned log, with a kill -9 in the middle. Starts a daemon on a temporary
// folder with free ports, sends a file of at least 100,000 lines found on this machine, receives it back and compares every
// byte, kills the daemon the moment it has acknowledged a second copy, starts it again and shows that nothing is missing.
// Runs on the Node that runs npm; everything it starts ends with it. Exits with 1 on any difference.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const ehub = join(root, 'bin/ehub')
const linesMin = 100_000
const partitionCount = 4

const folder = mkdtempSync(join(tmpdir(), 'ehub-demo-'))
const dataFolder = join(folder, 'data')
const environment = {
  PATH: process.env.PATH,
  HOME: folder,
  EHUB_DATA_DIR: dataFolder,
  EHUB_RUNTIME_DIR: join(folder, 'run'),
  XDG_STATE_HOME: join(folder, 'state'),
  NO_COLOR: '1',
}

const isTerminal = process.stdout.isTTY === true
const bold = (text) => (isTerminal ? `\x1b[1m${text}\x1b[0m` : text)
const faint = (text) => (isTerminal ? `\x1b[2m${text}\x1b[0m` : text)
const say = (text = '') => process.stdout.write(`${text}\n`)
const number = (value) => value.toLocaleString('en-US')
let step = 0
const heading = (text) => say(`\n${bold(`${++step}. ${text}`)}`)
const check = (text) => say(`   ✓ ${text}`)

class Difference extends Error {}

/** Runs one command to its end, showing it as a person would type it; rejects when it fails. */
function run(argv, { input = null, shown = `ehub ${argv.join(' ')}`, isPrinted = false } = {}) {
  say(faint(`   $ ${shown}`))
  return new Promise((resolve, reject) => {
    const child = spawn(ehub, argv, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
    const out = []
    let talk = ''
    child.stdout.on('data', (chunk) => out.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (text) => {
      talk += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`ehub ${argv.join(' ')} ended with ${code}: ${talk.trim()}`))
      const stdout = Buffer.concat(out)
      for (const line of isPrinted ? aligned(stdout.toString('utf8')) : []) say(`   ${line}`)
      for (const line of talk.split('\n')) if (line.trim() !== '') say(`   ${line}`)
      resolve(stdout)
    })
    // A command that ends early has its own error to report.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? undefined)
  })
}

/** What a command prints into a pipe, tabs between columns and no titles, as a person wants to see it. */
function aligned(text) {
  const rows = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
  const widths = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
}

// ---------------------------------------------------------------- real text

const wordLists = ['/usr/share/dict/words', '/usr/share/dict/american-english', '/usr/share/dict/british-english']

/** Lines of a word list, else of the sources and typings npm has put into node_modules. */
function findText() {
  for (const path of wordLists) {
    if (!existsSync(path)) continue
    const lines = splitLines(readFileSync(path))
    if (lines.length >= linesMin) return { lines, origin: `the word list ${path}` }
  }
  const lines = []
  const files = []
  for (const path of sourceFiles(join(root, 'node_modules'))) {
    for (const line of splitLines(readFileSync(path))) lines.push(line)
    files.push(path)
    if (lines.length >= linesMin * 1.2) break
  }
  if (lines.length >= linesMin) {
    const first = relative(root, files[0])
    return {
      lines,
      origin: `${number(files.length)} source files of this project's packages, from ${first} on, joined`,
    }
  }
  throw new Error(`no text of ${number(linesMin)} lines found on this machine`)
}

function* sourceFiles(path) {
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inside = join(path, entry.name)
    if (entry.isDirectory() && entry.name !== '.bin') yield* sourceFiles(inside)
    else if (entry.isFile() && /\.(d\.ts|js|mjs|cjs|md)$/.test(entry.name)) yield inside
  }
}

/** As bytes, without their line feeds; empty lines are left out, an event of nothing proves nothing. */
function splitLines(text) {
  const lines = []
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(0x0a, at)
    const stop = end < 0 ? text.length : end
    if (stop > at) lines.push(text.subarray(at, stop))
    at = stop + 1
  }
  return lines
}

// ---------------------------------------------------------------- what came back

/** Reads a hub from its beginning to its end; events by partition, in the order they came. */
async function receiveAll(hub) {
  const out = await run(['receive', hub, '--from', 'beginning', '-e', '--json'])
  const partitions = new Map()
  for (const line of splitLines(out)) {
    const event = JSON.parse(line.toString('utf8'))
    const body =
      event.bodyBase64 === undefined ? Buffer.from(event.body, 'utf8') : Buffer.from(event.bodyBase64, 'base64')
    const events = partitions.get(event.partition) ?? []
    events.push({ sequence: Number(event.seq), offset: event.offset, enqueued: event.enqueued, body })
    partitions.set(event.partition, events)
  }
  return partitions
}

const keyOf = (bytes) => bytes.toString('latin1')

/** Throws a `Difference` unless the partitions hold exactly these lines, each in the order of the file. */
function compare(lines, partitions) {
  const total = [...partitions.values()].reduce((sum, events) => sum + events.length, 0)
  if (total !== lines.length)
    throw new Difference(`${number(lines.length)} lines were sent, ${number(total)} came back`)
  const wanted = new Map()
  for (const line of lines) wanted.set(keyOf(line), (wanted.get(keyOf(line)) ?? 0) + 1)
  for (const [partition, events] of partitions) {
    let at = 0
    for (const [index, { sequence, body }] of events.entries()) {
      if (sequence !== index)
        throw new Difference(`partition ${partition}: sequence ${sequence} where ${index} belongs`)
      const key = keyOf(body)
      const left = wanted.get(key) ?? 0
      if (left === 0) throw new Difference(`partition ${partition}, sequence ${sequence}: bytes that were never sent`)
      wanted.set(key, left - 1)
      // Every partition must hold a subsequence of the file: the next equal line after the last one matched.
      while (at < lines.length && !lines[at].equals(body)) at++
      if (at++ === lines.length)
        throw new Difference(`partition ${partition}, sequence ${sequence}: out of the file's order`)
    }
  }
}

/** One number for everything a reader can see. */
function fingerprint(partitions) {
  const hash = createHash('sha256')
  for (const partition of [...partitions.keys()].toSorted((a, b) => (a < b ? -1 : 1))) {
    for (const { sequence, offset, enqueued, body } of partitions.get(partition)) {
      hash.update(`${partition} ${sequence} ${offset} ${enqueued} ${body.length} `).update(body)
    }
  }
  return hash.digest('hex').slice(0, 16)
}

/** Positions of a hub's partitions, from what `ehub describe` says to programs. */
async function describe(hub) {
  const { partitions } = JSON.parse((await run(['describe', hub, '--json'])).toString('utf8'))
  const columns = ['partition', 'beginSequence', 'lastSequence', 'lastOffset', 'storedBytes']
  const titles = ['PARTITION', 'FIRST', 'LAST', 'LAST OFFSET', 'BYTES ON DISK']
  const rows = partitions.map((partition) => columns.map((column) => number(Number(partition[column]))))
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  for (const row of [titles, ...rows]) say(`   ${row.map((cell, column) => cell.padStart(widths[column])).join('  ')}`)
}

// ---------------------------------------------------------------- the daemon

let daemonPid = null
/** A daemon was asked for and its pid is not known yet. */
let isStarting = false

async function startDaemon() {
  isStarting = true
  const argv = [
    'daemon',
    'start',
    '--amqp-port',
    '0',
    '--amqps-port',
    '0',
    '--https-port',
    '0',
    '--blob-port',
    '0',
    '--health-port',
    '0',
  ]
  await run(argv, { isPrinted: true })
  daemonPid = JSON.parse((await run(['daemon', 'status', '--json'])).toString('utf8')).pid
  isStarting = false
  return daemonPid
}

/** As pulling the plug on the process: no goodbye, no chance to finish anything. */
async function killDaemon() {
  say(faint(`   $ kill -9 ${daemonPid}`))
  process.kill(daemonPid, 'SIGKILL')
  const isAlive = () => {
    try {
      process.kill(daemonPid, 0)
      return true
    } catch {
      return false
    }
  }
  while (isAlive()) await new Promise((resolve) => setTimeout(resolve, 10))
  daemonPid = null
}

function endEverything() {
  if (isStarting) spawnSync(ehub, ['daemon', 'stop'], { env: environment, stdio: 'ignore', timeout: 10_000 })
  if (daemonPid !== null) {
    try {
      process.kill(daemonPid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    daemonPid = null
  }
  rmSync(folder, { recursive: true, force: true })
}

process.once('exit', endEverything)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

async function demo() {
  if (!existsSync(join(root, 'build/ehub'))) throw new Error('build/ehub is missing: run npm ci && npm run build first')
  say(bold('ehub: Event Hubs as one program. Real text through a durable log, and back.'))

  heading('Real text')
  const { lines, origin } = findText()
  const text = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'text.txt')
  writeFileSync(file, text)
  say(`   ${origin}`)
  say(`   ${number(lines.length)} lines, ${number(text.length)} bytes`)

  heading('A daemon on a temporary folder, and a hub')
  await startDaemon()
  await run(['create-hub', 'text', '--partitions', String(partitionCount)], { isPrinted: true })

  heading('Send every line as one event')
  await run(['send', 'text'], { input: text, shown: 'ehub send text < text.txt' })

  heading('Receive them back, compare every byte')
  const before = await receiveAll('text')
  compare(lines, before)
  check(
    `${number(lines.length)} events, every byte as sent, each partition in the file's order, sequences without a gap`,
  )

  heading('Where the partitions stand')
  await describe('text')

  heading('The same again into a second hub, and kill -9 the moment it is acknowledged')
  await run(['create-hub', 'again', '--partitions', String(partitionCount)], { isPrinted: true })
  await run(['send', 'again'], { input: text, shown: 'ehub send again < text.txt' })
  await killDaemon()

  heading('Start again on the same folder')
  await startDaemon()
  const after = await receiveAll('text')
  if (fingerprint(after) !== fingerprint(before))
    throw new Difference('the first hub is not what it was before the kill')
  check(`hub "text" is exactly what it was: positions, times and bytes (${fingerprint(before)})`)
  compare(lines, await receiveAll('again'))
  check(`hub "again" holds every acknowledged event: ${number(lines.length)} of ${number(lines.length)}`)

  heading('Stop')
  await run(['daemon', 'stop'], { isPrinted: true })
  daemonPid = null
  say(`\n${bold('Nothing missing, nothing altered.')}`)
}

try {
  await demo()
} catch (error) {
  const kind = error instanceof Difference ? 'DIFFERENCE' : 'FAILED'
  process.stderr.write(`\n${kind}: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
process.exit()
