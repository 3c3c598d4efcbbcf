// A disk that fails a sync, from outside: fdatasync answers EIO under strace. What the sender and the operator are told, and
// that a restart brings back everything acknowledged.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { finished, Person } from './ehub.ts'

function canTrace(): boolean {
  try {
    execFileSync('strace', ['-qq', '-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

interface Status {
  readonly pid: number
  readonly ports: { readonly health: number }
}

async function status(person: Person): Promise<Status> {
  return JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout) as Status
}

/** From now on fdatasync fails: the `when`-th call of each thread (`1`), or every one (`1+`). */
async function failSyncs(t: TestContext, person: Person, when: string): Promise<() => Promise<string>> {
  const { pid } = await status(person)
  const trace = join(person.home, `trace-${when}`)
  const inject = `inject=fdatasync:error=EIO:when=${when}`
  const args = ['-f', '-o', trace, '-p', String(pid), '-e', 'trace=fdatasync', '-e', inject]
  const strace: ChildProcess = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => strace.kill('SIGKILL'))
  const ended = finished(strace)
  await new Promise<void>((resolve) =>
    strace.stderr?.on('data', (text) => String(text).includes('attached') && resolve()),
  )
  return async () => {
    strace.kill('SIGTERM')
    await ended
    return readFileSync(trace, 'utf8')
  }
}

async function started(t: TestContext): Promise<Person> {
  const person = new Person(t)
  // The count of failing calls is per thread: one thread of the pool.
  person.env['UV_THREADPOOL_SIZE'] = '1'
  assert.equal((await person.startDaemon(['--hub', 'orders:2', '--clock', 'adjustable'])).code, 0)
  // Retention notes the time in `$state` now and then: the sync that fails must be the sender's.
  assert.equal((await person.run(['clock', 'freeze'])).code, 0)
  assert.equal((await person.run(['send', 'orders', '-p', '0', '--timeout', '5s'], { input: 'before\n' })).code, 0)
  return person
}

async function metrics(person: Person): Promise<string> {
  const { ports } = await status(person)
  return (await fetch(`http://127.0.0.1:${ports.health}/metrics`)).text()
}

const receiveAll = ['receive', 'orders', '-p', '0', '--from', 'beginning', '-e']
const skipped = 'strace is missing or may not trace here'

test('one failed sync stops its partition and no other, is told, and costs nothing', {
  skip: canTrace() ? false : skipped,
}, async (t) => {
  const person = await started(t)
  const traced = await failSyncs(t, person, '1')
  const sent = await person.run(['send', 'orders', '-p', '0', '--timeout', '3s'], { input: 'during\n' })
  const calls = (await traced()).split('\n').filter((text) => text.includes('fdatasync('))
  assert.match(calls[0] ?? '', /= -1 EIO .*INJECTED/)
  assert.notEqual(sent.code, 0)
  assert.match(sent.stderr, /error\[(service-failed|server-busy)\]: orders/)
  const log = await person.run(['daemon', 'logs', '--level', 'error'])
  assert.match(log.stdout, /a sync of the commit journal failed .*EIO/)

  // The journal goes on in another file: the other partition is served.
  assert.equal((await person.run(['send', 'orders', '-p', '1'], { input: 'beside\n' })).code, 0)
  const doctor = await person.run(['doctor'])
  assert.equal(doctor.code, 12)
  assert.match(
    doctor.stdout,
    /storage\terror\t1 log takes no events after a failed write or sync, .*EIO\tcheck the disk, then: ehub daemon restart/,
  )
  assert.match(await metrics(person), /^ehub_storage_failed_logs 1$/m)
  assert.equal((await person.run(receiveAll)).stdout, 'before\n')

  assert.equal((await person.run(['daemon', 'restart'])).code, 0)
  assert.equal((await person.run(['send', 'orders', '-p', '0'], { input: 'after\n' })).code, 0)
  // What was refused was never promised: there or not, once at most for each attempt.
  assert.match((await person.run(receiveAll)).stdout, /^before\n(during\n)*after\n$/)
  assert.equal((await person.run(['receive', 'orders', '-p', '1', '--from', 'beginning', '-e'])).stdout, 'beside\n')
  assert.equal((await person.run(['verify'])).code, 0)
  assert.ok([0, 10].includes((await person.run(['doctor'])).code ?? -1))
})

test('syncs that go on failing stop the taking of events, say so, and a restart mends it', {
  skip: canTrace() ? false : skipped,
}, async (t) => {
  const person = await started(t)
  const traced = await failSyncs(t, person, '1+')
  const sent = await person.run(['send', 'orders', '-p', '0', '--timeout', '3s'], { input: 'during\n' })
  assert.notEqual(sent.code, 0)
  assert.match(sent.stderr, /error\[(service-failed|server-busy)\]: orders/)
  await traced()

  const doctor = await person.run(['doctor'])
  assert.equal(doctor.code, 12)
  assert.match(doctor.stdout, /storage\terror\tevents are refused: .*after a failed sync.*EIO\t.*ehub daemon restart/)
  const { ports } = await status(person)
  assert.equal((await fetch(`http://127.0.0.1:${ports.health}/health`)).status, 503)
  assert.match(await metrics(person), /^ehub_storage_refusing 1$/m)
  assert.equal((await person.run(receiveAll)).stdout, 'before\n', 'what is stored can be read')
  // The disk is well again, the file is not: nothing is acknowledged on it.
  assert.notEqual(
    (await person.run(['send', 'orders', '-p', '0', '--timeout', '5s'], { input: 'still refused\n' })).code,
    0,
  )

  assert.equal((await person.run(['daemon', 'restart'])).code, 0)
  assert.equal((await person.run(['send', 'orders', '-p', '0', '--timeout', '5s'], { input: 'after\n' })).code, 0)
  // What was refused was never promised: there or not, once at most for each attempt.
  assert.match((await person.run(receiveAll)).stdout, /^before\n(during\n)*(still refused\n)*after\n$/)
  assert.ok([0, 10].includes((await person.run(['doctor'])).code ?? -1))
})
