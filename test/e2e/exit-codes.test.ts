// Every exit code that a command can be brought to without breaking the machine (docs/CLI.md, "Exit codes"), for a pipe and, the
// same commands, for a terminal. 130 and 143 need signals and have their tests beside the commands that handle them.

import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Person } from './ehub.ts'
import { skip, Terminal } from './tmux.ts'

const codes: readonly (readonly [code: number, why: string, command: string])[] = [
  [0, 'success', 'list-hubs'],
  [2, 'an unknown flag', 'list-hubs --nope'],
  [2, 'a position that is none', 'receive orders --from sometime'],
  [4, 'a wrong key', 'receive orders -e -c @wrong.txt'],
  [5, 'an unknown hub', 'describe nope'],
  [6, 'a hub that exists', 'create-hub orders'],
  [7, 'more groups than the tier allows', 'create-group orders second'],
  [8, 'fewer events than asked for', 'receive orders -p 1 -e --min 5'],
  [9, 'some events left out', 'send orders --input jsonl --skip-errors --file mixed.jsonl'],
  [10, 'a lag to warn of', 'lag orders --check warn=1'],
  [11, 'a critical lag', 'lag orders --check crit=1'],
  [12, 'damage', 'verify damaged'],
]

async function prepare(t: TestContext): Promise<Person> {
  const person = new Person(t)
  await person.startDaemon(['--tier', 'basic', '--hub', 'orders:2', '--hub', 'damaged:1'])
  await person.run(['send', 'damaged'], { input: 'x\n'.repeat(2000) })
  await person.run(['daemon', 'stop'])
  const logs = join(person.home, 'data/ehub/logs')
  // The hub with a single partition is the damaged one.
  const group = readdirSync(logs).find((name) => name.includes('.h') && !readdirSync(join(logs, name)).includes('1'))
  const folder = join(logs, group ?? assert.fail('no folder of the hub'), '0')
  const file = openSync(join(folder, readdirSync(folder).find((name) => name.endsWith('.log')) ?? ''), 'r+')
  writeSync(file, Buffer.from([0xff]), 0, 1, 9000)
  closeSync(file)

  await person.startDaemon(['--tier', 'basic', '--lag-interval', '50ms'])
  await person.run(['send', 'orders', '-p', '0'], { input: 'a\nb\nc\n' })
  await person.run(['checkpoint', 'orders', '-p', '0', '--to', '1', '--yes'])
  const { stdout } = await person.run(['connection-string', 'orders'])
  writeFileSync(
    join(person.home, 'wrong.txt'),
    stdout.trim().replace(/SharedAccessKey=[^;]+/, 'SharedAccessKey=bm90IHRoZSBrZXk='),
  )
  writeFileSync(join(person.home, 'mixed.jsonl'), '{"body":"a"}\nnope\n{"body":"b"}\n')
  return person
}

test('in a pipe', async (t) => {
  const person = await prepare(t)
  for (const [code, why, command] of codes) {
    const found = await person.run(command.split(' '))
    assert.equal(found.code, code, `${why}: ehub ${command}\n${found.stderr}`)
  }
  await person.run(['daemon', 'stop'])
  assert.equal((await person.run(['list-hubs'])).code, 3, 'no daemon')
})

test('in a terminal', { skip }, async (t) => {
  const person = await prepare(t)
  const terminal = new Terminal(t, person)
  for (const [index, [code, , command]] of codes.entries()) {
    terminal.enter(`clear; $EHUB ${command}; echo "[${index}: $?]"`)
    await terminal.shows(new RegExp(`\\[${index}: ${code}\\]\\n`))
  }
  await person.run(['daemon', 'stop'])
  terminal.enter('clear; $EHUB list-hubs; echo "[gone $?]"')
  await terminal.shows(/\[gone 3\]\n/)
})
