import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { thisMachine } from '../../src/base/machine.ts'
import { findDaemon, lookForDaemon } from '../../src/client/discovery.ts'
import { canonicalDataFolder, prepareRendezvous, publishRecord, withdrawRecord } from '../../src/daemon/discovery.ts'
import { type DaemonRecord, daemonKey, decodeRecord, socketPath } from '../../src/wire/control/places.ts'

function place(t: TestContext) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ehub-runtime-')))
  t.after(() => rmSync(folder, { recursive: true }))
  const env = { EHUB_RUNTIME_DIR: join(folder, 'run'), HOME: folder }
  const machine = thisMachine(env)
  const publish = (dataFolder: string, startedAtMs: number, pid = process.pid): DaemonRecord => {
    const rendezvous = prepareRendezvous(machine, daemonKey(dataFolder))
    const record = {
      pid,
      version: '1',
      socketPath: rendezvous.socketPath,
      dataFolder,
      startedAtMs,
      argv: ['--tls', 'off'],
      startedIn: folder,
    }
    publishRecord(rendezvous, record)
    return record
  }
  const withdraw = (dataFolder: string) =>
    withdrawRecord(prepareRendezvous(machine, daemonKey(dataFolder)), process.pid)
  return { folder, env, machine, publish, withdraw }
}

// No process has it: above the system's highest number.
const deadPid = 2 ** 30

describe('finding daemons', () => {
  test('the one started last, or the one of a data folder', (t) => {
    const { folder, env, publish } = place(t)
    const [a, b] = [join(folder, 'a'), join(folder, 'b')]
    const first = publish(a, 1)
    const second = publish(b, 2)
    assert.deepEqual(findDaemon({ env, dataFolder: null }), second)
    assert.deepEqual(findDaemon({ env, dataFolder: a }), first)
    assert.deepEqual(findDaemon({ env, dataFolder: b }), second)
  })

  test('a data folder is the same by whatever path', (t) => {
    const { folder, env, publish } = place(t)
    mkdirSync(join(folder, 'real'))
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    const record = publish(join(folder, 'real'), 1)
    assert.deepEqual(findDaemon({ env, dataFolder: join(folder, 'link/../link/') }), record)
  })

  test('when the newest ends the next newest is found', (t) => {
    const { folder, env, publish, withdraw } = place(t)
    const first = publish(join(folder, 'a'), 1)
    publish(join(folder, 'b'), 2)
    withdraw(join(folder, 'b'))
    assert.deepEqual(findDaemon({ env, dataFolder: null }), first)
    withdraw(join(folder, 'a'))
    assert.equal(lookForDaemon({ env, dataFolder: null }), null)
  })

  test('a killed daemon is passed over', (t) => {
    const { folder, env, publish } = place(t)
    const first = publish(join(folder, 'a'), 1)
    publish(join(folder, 'b'), 2, deadPid)
    assert.deepEqual(findDaemon({ env, dataFolder: null }), first)
    assert.throws(() => findDaemon({ env, dataFolder: join(folder, 'b') }), {
      code: 'daemon-not-running',
      hint: /ehub daemon start --data-dir/,
    })
  })

  test('a record that is half written or strange names nobody', (t) => {
    const { env, machine } = place(t)
    const { folder } = prepareRendezvous(machine, daemonKey('x'))
    for (const text of ['', '{"pid":', '[]', '{"pid":-1}', '{"pid":1,"version":"1","socketPath":5}']) {
      writeFileSync(join(folder, 'daemon.json'), text)
      assert.equal(lookForDaemon({ env, dataFolder: null }), null)
      assert.equal(decodeRecord(text), null)
    }
  })
})

describe('private folders', () => {
  test('are made for their owner only', (t) => {
    const { folder, machine } = place(t)
    const data = canonicalDataFolder(join(folder, 'x/y'), machine)
    assert.equal(statSync(data).mode & 0o777, 0o700)
    assert.equal(statSync(prepareRendezvous(machine, 'k').folder).mode & 0o777, 0o700)
  })

  test('an open one is refused, saying how to close it', (t) => {
    const { folder, machine } = place(t)
    mkdirSync(join(folder, 'open'))
    chmodSync(join(folder, 'open'), 0o755)
    assert.throws(() => canonicalDataFolder(join(folder, 'open'), machine), {
      code: 'data-folder-unusable',
      hint: /chmod 700/,
    })
  })

  test('a file in its place is refused', (t) => {
    const { folder, machine } = place(t)
    writeFileSync(join(folder, 'file'), '')
    assert.throws(() => canonicalDataFolder(join(folder, 'file'), machine), { code: 'data-folder-unusable' })
    assert.throws(() => canonicalDataFolder(join(folder, 'file/below'), machine), { code: 'data-folder-unusable' })
  })

  test('a socket path too long for the system moves to the temporary folder', (t) => {
    const { folder, machine } = place(t)
    const long = join(folder, 'x'.repeat(100))
    const path = socketPath(long, daemonKey('d'), machine)
    assert.ok(Buffer.byteLength(path) <= 103, path)
    assert.notEqual(path, socketPath(`${long}y`, daemonKey('d'), machine))
    const nowhere = { ...machine, temporaryFolder: long }
    assert.ok(Buffer.byteLength(socketPath(long, daemonKey('d'), nowhere)) <= 103)
  })

  test('what a killed daemon left of its socket is cleared away', (t) => {
    const { machine } = place(t)
    const { socketPath: path } = prepareRendezvous(machine, 'k')
    writeFileSync(path, '')
    prepareRendezvous(machine, 'k')
    assert.equal(existsSync(path), false)
  })
})
