// Capture through the executable: files of a folder and of the daemon's own blob endpoint, over kill -9, by the command line alone.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { recordsOf } from '../daemon/protocols/capture/world.ts'
import { Person } from './ehub.ts'

async function withDaemon(t: TestContext): Promise<Person> {
  const person = new Person(t)
  const { code, stderr } = await person.startDaemon(['--hub', 'orders:1'])
  assert.equal(code, 0, stderr)
  return person
}

async function said(person: Person, argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await person.run(argv, { input })
  assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`)
  return stdout
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => path.endsWith('.avro') && statSync(path).isFile())
    .sort()
}

const lines = (from: number, count: number) => Array.from({ length: count }, (_, i) => `event ${from + i}\n`).join('')

describe('Capture', () => {
  test('writes what comes after it was switched on, shows it, lists it, and ends', async (t) => {
    const person = await withDaemon(t)
    await said(person, ['send', 'orders'], lines(0, 3))
    const folder = join(person.home, 'captured')
    const words = ['--enable', '--interval', '15m', '--size', '1MiB', '--destination', `dir:${folder}`]
    assert.match(await said(person, ['capture', 'orders', ...words]), /^state\twriting$/m)
    await said(person, ['send', 'orders'], lines(3, 5))
    await said(person, ['capture', 'orders', '--flush'])
    const [path, ...more] = filesBelow(folder)
    assert.deepEqual(more, [])
    assert.match(path ?? '', /\/local\/orders\/0\/\d{4}\/\d\d\/\d\d\/\d\d\/\d\d\/\d\d\.avro$/)
    const bytes = readFileSync(path ?? '')
    assert.deepEqual(
      await recordsOf(bytes),
      [3, 4, 5, 6, 7].map((i) => [i, `event ${i}`]),
    )
    const [row] = JSON.parse(await said(person, ['capture-list', 'orders', '--json']))
    const { partition, events, firstSequence, lastSequence } = row
    assert.deepEqual([partition, events, row.bytes, firstSequence, lastSequence], [0, 5, bytes.length, 3, 7])
    await said(person, ['capture', 'orders', '--disable'])
    assert.match(await said(person, ['capture', 'orders']), /^capture\toff$/m)
  })

  test('has every event once after kill -9, again and again', async (t) => {
    const person = await withDaemon(t)
    const folder = join(person.home, 'captured')
    await said(person, [
      'capture',
      'orders',
      '--enable',
      '--interval',
      '1s',
      '--skip-empty',
      '--destination',
      `dir:${folder}`,
    ])
    for (let cycle = 0; cycle < 3; cycle += 1) {
      await said(person, ['send', 'orders'], lines(cycle * 100, 100))
      const { pid } = JSON.parse(await said(person, ['daemon', 'status', '--json']))
      process.kill(pid, 'SIGKILL')
      const { code, stderr } = await person.startDaemon([])
      assert.equal(code, 0, stderr)
    }
    await said(person, ['capture', 'orders', '--flush'])
    const sequences: number[] = []
    for (const path of filesBelow(folder)) {
      for (const [sequence, body] of await recordsOf(readFileSync(path))) {
        assert.equal(body, `event ${sequence}`)
        sequences.push(sequence)
      }
    }
    assert.deepEqual(
      sequences.toSorted((one, other) => one - other),
      Array.from({ length: 300 }, (_, i) => i),
    )
  })

  test("goes into the daemon's own blob endpoint", async (t) => {
    const person = await withDaemon(t)
    const place = ['--destination', 'blob:captures', '--credentials', 'own']
    await said(person, ['capture', 'orders', '--enable', '--encoding', 'avro-deflate', ...place])
    await said(person, ['send', 'orders'], lines(0, 50))
    await said(person, ['capture', 'orders', '--flush'])
    const [row] = JSON.parse(await said(person, ['capture-list', 'orders', '--json']))
    assert.deepEqual([row.events, row.firstSequence, row.lastSequence], [50, 0, 49])
  })

  const refusals: readonly (readonly [string, string[], RegExp])[] = [
    ['a destination that is none', ['--enable', '--destination', 'ftp:x'], /"ftp:x" is no Capture destination/],
    ['a name without its tokens', ['--enable', '--name-format', '{EventHub}'], /lacks \{Namespace\}/],
    ['a window that is too long', ['--enable', '--interval', '1h'], /it is 1 to 900 seconds/],
    ['settings without --enable', ['--interval', '1m'], /are changed with --enable only/],
    ['a bucket without a name', ['--enable', '--destination', 's3:?region=x'], /names no bucket/],
  ]
  test('refuses what cannot be, naming it', async (t) => {
    const person = await withDaemon(t)
    for (const [what, argv, expected] of refusals) {
      const { code, stderr } = await person.run(['capture', 'orders', ...argv])
      assert.notEqual(code, 0, what)
      assert.match(stderr, expected, what)
    }
  })
})
