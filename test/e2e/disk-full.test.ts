// A disk that is full, from outside: what the sender and the operator are told, what still works, and that everything goes on
// by itself once there is room.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { finished, Person, says } from './ehub.ts'

const line = (number: number) => `${String(number).padStart(8, '0')}${'x'.repeat(991)}\n`
const lines = (count: number) => Array.from({ length: count }, (_, number) => line(number)).join('')

async function health(
  person: Person,
): Promise<{ readonly code: number; readonly text: string; readonly metrics: string }> {
  const { ports } = JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout)
  const reply = await fetch(`http://127.0.0.1:${ports.health}/health`)
  const metrics = await fetch(`http://127.0.0.1:${ports.health}/metrics`)
  return { code: reply.status, text: await reply.text(), metrics: await metrics.text() }
}

/** A tmpfs of so many MiB, or null without root. */
function smallDisk(mebibytes: number): string | null {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ehub-e2e-disk-')))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmdirSync(folder)
    return null
  }
  return folder
}

test('a full disk makes senders wait, leaves readers alone, and is over when there is room', async (t) => {
  const folder = smallDisk(24)
  if (folder === null) return t.skip('mounting a tmpfs needs root')
  const person = new Person(t)
  person.env['EHUB_DATA_DIR'] = folder
  // Lazily: a daemon may still be at it.
  t.after(() => {
    execFileSync('umount', ['-l', folder], { stdio: 'ignore' })
    rmdirSync(folder)
  })
  assert.equal((await person.startDaemon(['--hub', 'orders:2'])).code, 0)
  await person.run(['send', 'orders', '-p', '1'], { input: 'before\n' })

  const sender = person.start(['send', 'orders', '-p', '0'])
  sender.stdin?.on('error', () => undefined)
  sender.stdin?.end(lines(30_000))
  const sent = finished(sender)
  const warning = await says(sender, 'stderr', /; trying again\n/)
  assert.match(warning, /warning: orders\/Partitions\/0: The service was unable to process the request; please retry/)

  const doctor = await person.run(['doctor'])
  assert.equal(doctor.code, 12)
  assert.match(
    doctor.stdout,
    /storage\terror\tevents are refused: the disk has \d+ bytes free, below the low-water mark of \d+\tfree space on the disk/,
  )
  // Where readers are is kept all the same, from the reserve.
  for (const group of ['', '-g,night']) {
    if (group !== '') assert.equal((await person.run(['create-group', 'orders', 'night'])).code, 0)
    const words = ['checkpoint', 'orders', '-p', '0', '--to', 'seq:4', '--yes', ...group.split(',').filter(Boolean)]
    const { code, stderr } = await person.run(words)
    assert.equal(code, 0, stderr)
  }
  const { code, text, metrics } = await health(person)
  assert.equal(code, 503)
  assert.match(text, /the disk has \d+ bytes free/)
  assert.match(metrics, /^ehub_storage_refusing 1$/m)
  // Readers go on; everything acknowledged is there.
  const other = ['receive', 'orders', '-p', '1', '--from', 'beginning', '-e']
  assert.equal((await person.run(other)).stdout, 'before\n')
  const stored = await person.run(['receive', 'orders', '-p', '0', '--from', 'beginning', '-e'])
  const count = stored.stdout.length / line(0).length
  assert.ok(count > 5_000 && count < 30_000, `${count} events fitted`)
  assert.ok(stored.stdout === lines(count), 'what fitted is what came first')

  execFileSync('mount', ['-o', 'remount,size=160m', folder])
  const { code: senderCode, stderr } = await sent
  assert.equal(senderCode, 0, stderr)
  assert.match(stderr, /sent 30,000 events/)
  assert.equal((await health(person)).code, 200)
  assert.ok([0, 10].includes((await person.run(['doctor'])).code ?? -1))
  const all = await person.run(['receive', 'orders', '-p', '0', '--from', 'beginning', '-e'])
  assert.ok(all.stdout === lines(30_000), 'every event once, in order')
  assert.equal((await person.run(['verify'])).code, 0)
})

test('the largest file the system allows stops senders and costs nothing that was acknowledged', async (t) => {
  const person = new Person(t)
  // 512-byte blocks in sh: 18 MiB, more than the reserve and less than the journal.
  const ports = ['amqp', 'blob', 'health'].flatMap((name) => [`--${name}-port`, '0'])
  const started = await person.runInShell('ulimit -f 36864; exec "$0" "$@"', [
    ...['daemon', 'start', '--tls', 'off', '--hub', 'orders:1'],
    ...ports,
  ])
  assert.equal(started.code, 0, started.stderr)
  const sender = person.start(['send', 'orders', '--ack', 'each'])
  sender.stdin?.on('error', () => undefined)
  sender.stdin?.end(lines(30_000))
  const sent = finished(sender)
  await says(sender, 'stderr', /; trying again\n/)
  const doctor = await person.run(['doctor'])
  assert.equal(doctor.code, 12)
  assert.match(doctor.stdout, /storage\terror\tevents are refused: a file has the largest size .*\(EFBIG: ulimit -f/)
  sender.kill('SIGKILL')
  const acknowledged = (await sent).stdout.split('\n').length - 1
  assert.ok(acknowledged > 5_000, `${acknowledged} acknowledged`)
  await person.run(['daemon', 'stop'])

  await person.startDaemon()
  const all = await person.run(['receive', 'orders', '--from', 'beginning', '-e'])
  const count = all.stdout.length / line(0).length
  assert.ok(count >= acknowledged, `${count} of ${acknowledged} acknowledged are there`)
  assert.ok(all.stdout === lines(count), 'in order, each once')
  assert.equal((await person.run(['send', 'orders'], { input: 'after\n' })).code, 0)
})
