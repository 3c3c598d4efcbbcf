// A damaged segment, from outside: what a reader sees, what verify and doctor say, what is still readable.

import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Person } from './ehub.ts'

test('a damaged range is named, stops its readers with 12, and costs nothing else', async (t) => {
  const person = new Person(t)
  await person.startDaemon(['--hub', 'orders:2'])
  const lines = (from: number, count: number) => Array.from({ length: count }, (_, n) => `event ${from + n}\n`).join('')
  for (const from of [0, 1000, 2000]) {
    await person.run(['send', 'orders', '-p', '0'], { input: lines(from, 1000) })
  }
  await person.run(['send', 'orders', '-p', '1'], { input: lines(0, 10) })
  await person.run(['daemon', 'stop'])

  const logs = join(person.home, 'data/ehub/logs')
  const group =
    readdirSync(logs).find((name) => readdirSync(join(logs, name)).includes('1')) ?? assert.fail('no hub folder')
  const folder = join(logs, group, '0')
  const segment = join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? assert.fail('no segment'))
  const file = openSync(segment, 'r+')
  // In the middle of the first thousand.
  writeSync(file, Buffer.from([0xff]), 0, 1, 8000)
  closeSync(file)
  const size = statSync(segment).size

  await person.startDaemon()
  const read = await person.run(['receive', 'orders', '-p', '0', '--from', 'beginning', '-e'])
  assert.equal(read.code, 12, read.stderr)
  assert.equal(read.stdout, '', 'nothing behind the damage passes for what comes first')

  const verify = await person.run(['verify', '--json'])
  assert.equal(verify.code, 12, verify.stderr)
  const { problems } = JSON.parse(verify.stdout)
  assert.equal(problems.length, 1)
  const { hub, partition, kind, fromSequence, toSequence } = problems[0]
  assert.deepEqual([hub, partition, kind, fromSequence], ['orders', 0, 'damage', 0])
  assert.ok(toSequence <= 1000, `${toSequence} events are lost to one byte`)

  const doctor = await person.run(['doctor'])
  assert.equal(doctor.code, 12)
  assert.match(
    doctor.stdout,
    new RegExp(`damage\\terror\\thub "orders" partition 0: events 0 to ${toSequence - 1} cannot be read`),
  )

  const rest = await person.run(['receive', 'orders', '-p', '0', '--from', `seq:${toSequence}`, '-e'])
  assert.equal(rest.stdout, lines(toSequence, 3000 - toSequence))
  const other = await person.run(['receive', 'orders', '-p', '1', '--from', 'beginning', '-e'])
  assert.equal(other.stdout, lines(0, 10))
  // New events go on where the numbers were.
  await person.run(['send', 'orders', '-p', '0'], { input: lines(3000, 1) })
  assert.equal((await person.run(['receive', 'orders', '-p', '0', '--from', 'seq:3000', '-e'])).stdout, lines(3000, 1))
  assert.ok(statSync(segment).size >= size, 'nothing was cut away')
})

test('a sound hub verifies, and doctor finds a healthy daemon well', async (t) => {
  const person = new Person(t)
  await person.startDaemon(['--hub', 'orders:2'])
  await person.run(['send', 'orders'], { input: 'a\nb\nc\n' })
  const verify = await person.run(['verify', 'orders'])
  assert.deepEqual([verify.code, verify.stdout], [0, ''])
  assert.match(verify.stderr, /^3 events, .* in 2 partitions: all well\n$/)
  const doctor = await person.run(['doctor', '--json'])
  assert.ok([0, 10].includes(doctor.code ?? -1), doctor.stdout)
  assert.equal((await person.run(['verify', 'nope'])).code, 5)
  await person.run(['daemon', 'stop'])
  const gone = await person.run(['doctor'])
  assert.equal(gone.code, 3)
  assert.match(gone.stdout, /no daemon is running\tehub daemon start/)
})
