// docs/CLI.md is true to what exists: every command and flag is in it, and it names no others.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorCodes } from '../../src/base/error.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { globalFlags } from '../../src/cli/flags.ts'
import { commands } from '../../src/commands/table.ts'
import { projectError } from '../../src/wire/errors.ts'

const text = readFileSync(new URL('../../docs/CLI.md', import.meta.url), 'utf8')
const section = (title: string) => text.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
const shown = Object.entries(commands).filter(([id]) => !id.startsWith('internal') && id !== 'daemon:certificates')
const flagsIn = (part: string) =>
  new Set([...part.matchAll(/(?<![\w-])--([a-z][a-z0-9-]*)/g)].map(([, name = '']) => name))

/** What the documents say of a command: its own section, or its row of the table of commands. */
function saidOf(id: string): string {
  const own = section(`\`${id}\``)
  if (own !== '') return own
  const [topic, word = ''] = id.split(':')
  const rows = text.split('\n').filter((line) => line.startsWith('| `ehub '))
  return rows
    .filter(
      (row) =>
        row.includes(`\`ehub ${id.replace(':', ' ')}`) ||
        (row.includes(`ehub ${topic} `) && row.includes(`\`${word}\``)),
    )
    .join('\n')
}

for (const [id, load] of shown) {
  test(`docs/CLI.md has ${id.replace(':', ' ')} with its flags`, async () => {
    const { default: command } = await load()
    if (command.hidden === true) return
    const said = saidOf(id)
    assert.notEqual(said, '', 'the command is in the table')
    const row = /as `start`/.test(said) ? `${said}\n${saidOf('daemon:start')}` : said
    const documented = flagsIn(row)
    for (const [name, flag] of Object.entries(command.flags ?? {})) {
      if (flag.hidden === true) continue
      const isShared = name === 'connection-string' && row.includes('-c')
      assert.ok(documented.has(name) || isShared, `--${name} is documented`)
    }
  })
}

test('the flags the documents name exist', async () => {
  const known = new Set<string>(Object.keys(globalFlags))
  for (const [, load] of Object.entries(commands)) {
    const { default: command } = await load()
    for (const [name, flag] of Object.entries(command.flags ?? {})) {
      known.add(name)
      if (flag.type === 'boolean' && flag.allowNo === true) known.add(`no-${name}`)
    }
  }
  known.add('help')
  for (const name of flagsIn(text)) assert.ok(known.has(name), `--${name} exists`)
})

test('every exit code is explained', () => {
  const codes = new Set<number>([0, ...Object.values(exitCodes), ...errorCodes.map((code) => projectError(code).exit)])
  const explained = new Set(
    [...section('Exit codes').matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, list = '']) => list.split(', ').map(Number)),
  )
  for (const code of codes) assert.ok(explained.has(code), `exit code ${code}`)
})
