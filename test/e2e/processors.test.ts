// `ehub receive -g GROUP --checkpoint` in several processes: partitions are shared, a killed one is followed by the others, and
// nothing is lost.

import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { describe, test, type TestContext } from 'node:test'
import { Person } from './ehub.ts'

const partitionCount = 6
const quick = ['--balance-every', '100ms', '--ownership-expires', '800ms', '--checkpoint-every', '50ms']

interface Owner {
  readonly partition: number
  readonly owner: string | null
  readonly store: string
}

async function personWithHub(t: TestContext): Promise<Person> {
  const person = new Person(t)
  const started = await person.startDaemon(['--ephemeral', '--hub', `orders:${partitionCount}`])
  assert.equal(started.code, 0, started.stderr)
  assert.equal((await person.run(['create-group', 'orders', 'billing'])).code, 0)
  return person
}

/** A processor and the bodies it has written so far. */
function processor(person: Person, ...more: string[]): { readonly child: ChildProcess; readonly bodies: string[] } {
  const child = person.start(['receive', 'orders', '-g', 'billing', '--checkpoint', ...quick, ...more])
  const bodies: string[] = []
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    bodies.push(...lines)
  })
  child.stderr?.resume()
  return { child, bodies }
}

async function until<T>(look: () => Promise<T>, isWanted: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look()
    if (isWanted(value)) return value
  }
}

async function json(person: Person, ...argv: string[]) {
  return JSON.parse((await person.run([...argv, '--json'])).stdout)
}

const owners = (person: Person): Promise<readonly Owner[]> => json(person, 'owners', 'orders', '-g', 'billing')

/** How many partitions each owner has. */
function shares(rows: readonly Owner[]): readonly number[] {
  const counts = new Map<string, number>()
  for (const { owner } of rows) if (owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  return [...counts.values()].toSorted((one, other) => one - other)
}

function sends(person: Person, from: number, to: number) {
  const lines = Array.from({ length: to - from }, (_, index) => `event ${from + index}`)
  return person.run(['send', 'orders', '--batch', '50'], { input: `${lines.join('\n')}\n` })
}

const exit = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

describe('processors of one group', () => {
  test('share the partitions, follow one that is killed, lose nothing, and give back what they have', async (t) => {
    const person = await personWithHub(t)
    const three = [processor(person), processor(person), processor(person)]
    await until(
      () => owners(person),
      (rows) => shares(rows).join() === '2,2,2',
    )
    const checkpoints = new Map<number, number>()
    const everything = async () => {
      for (const row of await json(person, 'checkpoint', 'orders', '-g', 'billing')) {
        assert.ok(row.sequence >= (checkpoints.get(row.partition) ?? -1), 'no checkpoint moves back')
        checkpoints.set(row.partition, row.sequence ?? -1)
      }
      return new Set(three.flatMap(({ bodies }) => bodies)).size
    }
    await sends(person, 0, 3000)
    await until(everything, (size) => size === 3000)
    for (const { bodies } of three) assert.ok(bodies.length > 0, 'each of them read')

    three[0]?.child.kill('SIGKILL')
    await sends(person, 3000, 6000)
    await until(
      () => owners(person),
      (rows) => shares(rows).join() === '3,3',
    )
    await until(everything, (size) => size === 6000)

    const left = three.slice(1).map(({ child }) => ({ child, code: exit(child) }))
    left[0]?.child.kill('SIGINT')
    assert.equal(await left[0]?.code, 0)
    left[1]?.child.kill('SIGTERM')
    assert.equal(await left[1]?.code, 0)
    const given = await owners(person)
    assert.equal(given.length, partitionCount)
    assert.ok(
      given.every(({ owner }) => owner === null),
      JSON.stringify(given),
    )
    const kept = await json(person, 'checkpoint', 'orders', '-g', 'billing')
    assert.ok(
      kept.every(({ behind }: { behind: number }) => behind === 0),
      JSON.stringify(kept),
    )
  })
})
