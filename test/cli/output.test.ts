import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EhubError } from '../../src/base/error.ts'
import { Output } from '../../src/cli/output.ts'
import { reportError } from '../../src/cli/report-error.ts'

interface Options {
  readonly isTerminal?: boolean
  readonly env?: Record<string, string>
  readonly isQuiet?: boolean
  readonly isColourOff?: boolean
}

function capture({ isTerminal = false, env = {}, isQuiet = false, isColourOff = false }: Options = {}) {
  const written = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY: isTerminal,
    write: (text: string | Uint8Array) => {
      written[name] += String(text)
      return true
    },
  })
  const output = new Output({
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    env,
    isQuiet,
    isVerbose: false,
    isColourOff,
  })
  return { output, written }
}

const columns = [{ title: 'HUB' }, { title: 'EVENTS', align: 'right' as const }]

describe('output', () => {
  test('a pipe gets bare rows between tabs', async () => {
    const { output, written } = capture()
    await output.table(columns, [
      ['orders', 12],
      ['a\tb\u001b[2J', null],
    ])
    assert.equal(written.stdout, 'orders\t12\na\\tb\\x1b[2J\t-\n')
  })

  test('a terminal gets titles and columns', async () => {
    const { output, written } = capture({ isTerminal: true, env: { NO_COLOR: '1' } })
    await output.table(columns, [
      ['orders', 12],
      ['x', 3],
    ])
    assert.equal(written.stdout, 'HUB     EVENTS\norders      12\nx            3\n')
  })

  const colours: readonly (readonly [string, Options, boolean])[] = [
    ['a terminal', { isTerminal: true }, true],
    ['a pipe', {}, false],
    ['a terminal with NO_COLOR', { isTerminal: true, env: { NO_COLOR: '1' } }, false],
    ['a terminal with TERM=dumb', { isTerminal: true, env: { TERM: 'dumb' } }, false],
    ['a pipe with FORCE_COLOR', { env: { FORCE_COLOR: '1' } }, true],
    ['a terminal with --no-color', { isTerminal: true, isColourOff: true }, false],
  ]
  for (const [what, options, isColoured] of colours) {
    test(`${what} is ${isColoured ? '' : 'not '}coloured`, () => {
      assert.equal(capture(options).output.paint('red', 'x').includes('\u001b'), isColoured)
    })
  }

  test('quiet keeps talk back, never data', () => {
    const { output, written } = capture({ isQuiet: true })
    output.note('talk')
    output.print('data')
    assert.deepEqual(written, { stdout: 'data\n', stderr: '' })
  })
})

describe('error reports', () => {
  const options = { isJson: false, isVerbose: false, output: capture().output }

  test('say code, condition and hint, with the exit code of the table', () => {
    const error = new EhubError('hub-not-found', 'no hub "x\u001b[31m"', { hint: 'see list-hubs' })
    assert.deepEqual(reportError(error, options), {
      text: 'error[hub-not-found]: no hub "x\\x1b[31m"\n  condition: amqp:not-found\n  hint: see list-hubs\n',
      exitCode: 5,
    })
  })

  test('are one JSON line with --json', () => {
    const { text, exitCode } = reportError(new EhubError('unauthorized', 'no'), { ...options, isJson: true })
    assert.equal(exitCode, 4)
    assert.deepEqual(JSON.parse(text), {
      error: { code: 'unauthorized', message: 'no', condition: 'amqp:unauthorized-access', exit: 4 },
    })
  })

  test('show a stack for bugs only', () => {
    assert.doesNotMatch(reportError(new EhubError('timeout', 'late'), options).text, /\bat /)
    assert.match(reportError(new TypeError('oops'), options).text, /error\[internal-error\]: oops\n  at /)
  })

  test('name causes when asked to', () => {
    const error = new EhubError('connect-failed', 'no way', { cause: new Error('refused') })
    assert.match(reportError(error, { ...options, isVerbose: true }).text, /reason: refused/)
    assert.doesNotMatch(reportError(error, options).text, /refused/)
  })
})
