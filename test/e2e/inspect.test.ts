// `ehub inspect` on the built executable: beside a running daemon, without one, on damage, on nothing.

import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Person } from './ehub.ts'
import { shell } from './shell.ts'

test('a data folder is told beside its daemon and without it; damage is exit code 12, nothing there 5', async (t) => {
  const person = new Person(t)
  await person.startDaemon(['--hub', 'orders:1'])
  await person.run(['send', 'orders'], { input: 'a\nb\nc\n' })
  const data = join(person.home, 'data/ehub')
  const running = await person.run(['inspect', data])
  assert.equal(running.code, 0, running.stderr)
  assert.match(running.stdout, /record=hub-created .*"name":"orders"/)
  assert.doesNotMatch(running.stdout, /"primaryKey":"(?!\(hidden\))/)
  assert.match(running.stderr, /^nothing is damaged, \d+ notes\n$/)
  await person.run(['daemon', 'stop'])

  const group = readdirSync(join(data, 'logs')).find((name) => name.startsWith('ns')) ?? assert.fail('no hub folder')
  const segment = join(data, 'logs', group, '0', '00000000000000000000.log')
  const lines = (await person.run(['inspect', segment, '--json'])).stdout.trim().split('\n')
  const batch = lines.map((line) => JSON.parse(line)).find(({ kind }) => kind === 'batch')
  assert.deepEqual([batch.level, batch.sequence, batch.count, batch.encoding, batch.at], ['ok', 0, 3, 'amqp', 1024])

  const file = openSync(segment, 'r+')
  writeSync(file, Buffer.from([0xff]), 0, 1, 1110)
  closeSync(file)
  const damaged = await person.run(['inspect', segment])
  assert.equal(damaged.code, 12)
  assert.match(damaged.stdout, /damage: sequences 0 to 2 were synced and are lost/)
  assert.equal((await person.run(['inspect', data])).code, 12)
  // A reader that leaves is a normal end, unless all was told before it did.
  const piped = await shell(t, person, `$EHUB inspect ${data} | head -1`)
  assert.ok([0, 12].includes(piped.code ?? -1), piped.stderr)
  assert.equal(piped.stdout.split('\n').length, 2)
  assert.doesNotMatch(piped.stderr, /error/)

  const missing = await person.run(['inspect', join(data, 'nothing')])
  assert.equal(missing.code, 5)
  assert.match(missing.stderr, /error\[file-not-found\]: there is no file or folder/)
})
