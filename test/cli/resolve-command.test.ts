import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { resolveCommand } from '../../src/cli/resolve-command.ts'
import { nearestName } from '../../src/cli/suggest.ts'

const ids = ['daemon:start', 'daemon:stop', 'send', 'list-hubs']

describe('finding a command', () => {
  const cases: readonly (readonly [string, string | null, readonly string[], boolean])[] = [
    ['send orders -k x', 'send', ['orders', '-k', 'x'], false],
    ['daemon start --foreground', 'daemon:start', ['--foreground'], false],
    ['daemon', 'daemon', [], true],
    ['daemon --help', 'daemon', ['--help'], true],
    ['send --help', 'send', ['--help'], true],
    ['send -- --help', 'send', ['--', '--help'], false],
    ['', null, [], true],
    ['--help', null, ['--help'], true],
  ]
  for (const [line, id, rest, wantsHelp] of cases) {
    test(`"${line}"`, () => {
      const argv = line.split(' ').filter((word) => word !== '')
      assert.deepEqual(resolveCommand(argv, ids), { id, rest, wantsHelp })
    })
  }

  const unknown: readonly (readonly [string, RegExp])[] = [
    ['sned', /no command "sned" — did you mean "send"\?/],
    ['daemon strat', /no command "daemon strat" — did you mean "daemon start"\?/],
    ['xyzzy', /^no command "xyzzy"$/],
    ['--json send', /the command comes first/],
  ]
  for (const [line, message] of unknown) {
    test(`"${line}" is a usage error`, () => {
      assert.throws(() => resolveCommand(line.split(' '), ids), { code: 'usage', message })
    })
  }
})

test('the nearest name is suggested only when it is near', () => {
  assert.equal(nearestName('ordes', ['orders', 'audit']), 'orders')
  assert.equal(nearestName('ORDERS', ['orders']), 'orders')
  assert.equal(nearestName('zzzz', ['orders', 'audit']), null)
  assert.equal(nearestName('a'.repeat(10_000), ['orders']), null)
})
