// The frame of the program, without a daemon: help, lookup, parsing, errors and their exit codes, the code cache.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'
import { executable, Person } from './ehub.ts'

describe('the program without a daemon', () => {
  test('says its version', async (t) => {
    const { code, stdout } = await new Person(t).run(['--version'])
    assert.match(stdout, /^ehub \d+\.\d+\.\d+\n$/)
    assert.equal(code, 0)
  })

  test('the warmed code cache is taken', async (t) => {
    for (const command of ['list-hubs', 'top']) {
      const { stderr } = await new Person(t).run([command], { env: { EHUB_TEST_CACHE: '1' } })
      assert.match(stderr, /^code cache rejected: false\n/, command)
    }
  })

  test('helps with itself, a topic and a command, examples first', async (t) => {
    const person = new Person(t)
    for (const argv of [[], ['help'], ['--help']]) {
      const { code, stdout, stderr } = await person.run(argv)
      assert.equal(code, 0)
      assert.equal(stderr, '')
      assert.match(stdout, /TOPICS\n {2}clock +Show.*\n {2}daemon .*COMMANDS\n.* {2}completion/s)
    }
    for (const argv of [['daemon'], ['daemon', '--help'], ['help', 'daemon']]) {
      const { code, stdout } = await person.run(argv)
      assert.equal(code, 0)
      assert.match(stdout, /USAGE\n {2}\$ ehub daemon COMMAND.*daemon start/s)
    }
    for (const argv of [
      ['create-hub', '--help'],
      ['help', 'create-hub'],
      ['create-hub', 'x', '-h'],
    ]) {
      const { code, stdout } = await person.run(argv)
      assert.equal(code, 0)
      assert.match(
        stdout,
        /^Create a hub\.\n\nEXAMPLES\n {2}\$ ehub create-hub orders\n.*USAGE\n {2}\$ ehub create-hub HUB/s,
      )
    }
  })

  test('hands its whole schema to programs', async (t) => {
    const { code, stdout } = await new Person(t).run(['help', '--json'])
    assert.equal(code, 0)
    const { commands } = JSON.parse(stdout)
    const start = commands.find(({ command }: { command: string }) => command === 'daemon start')
    assert.ok(start.flags.some(({ name }: { name: string }) => name === 'amqp-port'))
  })

  const usage: readonly (readonly [string[], RegExp])[] = [
    [['lst-hubs'], /^error\[usage\]: no command "lst-hubs" — did you mean "list-hubs"\?\n {2}hint: /],
    [['daemon', 'strat'], /^error\[usage\]: no command "daemon strat" — did you mean "daemon start"\?/],
    [['create-hub'], /^error\[usage\]: Missing 1 required arg:/],
    [['list-hubs', 'x'], /^error\[usage\]: Unexpected argument: x\n/],
    [['list-hubs', '--nope'], /^error\[usage\]: Nonexistent flag: --nope\n/],
    [['create-hub', 'x', '--partitions', 'many'], /^error\[usage\]: Parsing --partitions[^]*Expected an integer/],
    [
      ['create-hub', 'x', '--durability', 'maybe'],
      /^error\[usage\]: Expected --durability=maybe to be one of: sync, os/,
    ],
    [['daemon', 'stop', '--grace', 'soon'], /^error\[usage\]: "soon" is not a duration/],
    [['-q', 'list-hubs'], /^error\[usage\]: the command comes first/],
  ]
  for (const [argv, message] of usage) {
    test(`ehub ${argv.join(' ')} is a usage error, 2`, async (t) => {
      const { code, stdout, stderr } = await new Person(t).run(argv)
      assert.match(stderr, message)
      assert.equal(stdout, '')
      assert.equal(code, 2)
    })
  }

  test('says that no daemon runs and how to start one, 3', async (t) => {
    const person = new Person(t)
    for (const argv of [
      ['list-hubs'],
      ['create-hub', 'x'],
      ['daemon', 'status'],
      ['daemon', 'stop'],
      ['connection-string'],
    ]) {
      const { code, stderr, stdout } = await person.run(argv)
      assert.equal(
        stderr,
        'error[daemon-not-running]: no daemon is running\n  hint: Start one with: ehub daemon start\n',
      )
      assert.equal(stdout, '')
      assert.equal(code, 3)
    }
  })

  test('errors are JSON on stderr with --json', async (t) => {
    const { code, stdout, stderr } = await new Person(t).run(['list-hubs', '--json'])
    assert.equal(stdout, '')
    assert.deepEqual(JSON.parse(stderr), {
      error: {
        code: 'daemon-not-running',
        message: 'no daemon is running',
        hint: 'Start one with: ehub daemon start',
        exit: 3,
      },
    })
    assert.equal(code, 3)
  })

  test('completion scripts are valid and complete nothing without a daemon', async (t) => {
    const person = new Person(t)
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await person.run(['completion', shell])
      assert.equal(code, 0)
      assert.match(stdout, /connection-string/)
      if (shell === 'bash') assert.equal(spawnSync('bash', ['-n'], { input: stdout }).status, 0)
    }
    assert.deepEqual(await person.run(['__complete', 'hubs']), { code: 0, signal: null, stdout: '', stderr: '' })
    assert.equal((await person.run(['completion', 'tcsh'])).code, 2)
  })

  test('bash completes commands, topics, flags and values', async (t) => {
    const person = new Person(t)
    const { stdout } = await person.run(['completion', 'bash'])
    const complete = (...words: string[]) => {
      const script = `${stdout}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _ehub; echo "\${COMPREPLY[@]}"`
      return spawnSync('bash', ['-c', script], { encoding: 'utf8', env: person.env }).stdout.trim()
    }
    assert.equal(complete('ehub', 'conn'), 'connection-string')
    assert.equal(complete('ehub', 'daemon', 'st'), 'start status stop')
    assert.equal(complete('ehub', 'create-hub', '--par'), '--partitions')
    assert.equal(complete('ehub', 'daemon', 'start', '--dur'), '--durability')
    assert.equal(complete('ehub', 'connection-string', '--for', 'd'), 'docker')
  })

  test('a reader that leaves early is a normal end, 0 and silent', async (t) => {
    const person = new Person(t)
    const script = `"$EHUB" help --json | head -c 1; echo " \${PIPESTATUS[0]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', script], {
      encoding: 'utf8',
      env: { ...person.env, EHUB: executable },
    })
    assert.equal(stderr, '')
    assert.equal(stdout, '{ 0\n')
  })

  test('bin/ehub follows links', async (t) => {
    const person = new Person(t)
    const script = fileURLToPath(new URL('../../bin/ehub', import.meta.url))
    mkdirSync(join(person.home, 'bin'))
    symlinkSync(script, join(person.home, 'bin/first'))
    symlinkSync('first', join(person.home, 'bin/ehub'))
    const { stdout, status } = spawnSync(join(person.home, 'bin/ehub'), ['--version'], { encoding: 'utf8' })
    assert.match(stdout, /^ehub \d/)
    assert.equal(status, 0)
  })
})
