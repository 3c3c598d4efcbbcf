import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { LogFile, makeLog } from '../../src/daemon/logger.ts'

describe('the log', () => {
  test('is one JSON line a call, with the fields of its parents', () => {
    const lines: string[] = []
    const log = makeLog({ write: (line) => void lines.push(line) }, 'info')
    log.with({ part: 'amqp' }).warn('odd', { count: 2 })
    log.debug('not asked for')
    assert.equal(lines.length, 1)
    const { time, ...rest } = JSON.parse(lines[0] ?? '')
    assert.ok(Date.parse(time) > 0)
    assert.deepEqual(rest, { level: 'warn', part: 'amqp', count: 2, message: 'odd' })
  })

  test('texts of clients can neither forge a line nor reorder one, and stay what they were', () => {
    const lines: string[] = []
    const text = 'a\nb\u001b[2J\u009b\u202e\u2028'
    makeLog({ write: (line) => void lines.push(line) }, 'info').info(text, { name: text })
    const line = lines.join('')
    assert.equal(line.split('\n').length, 2)
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(line.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    assert.equal(JSON.parse(line).name, text)
  })

  test('the file is private and turned over at its limit', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ehub-log-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'x.log')
    const file = new LogFile(path)
    const line = `${'x'.repeat(1024 * 1024)}\n`
    for (let written = 0; written < 18; written += 1) file.write(line)
    file.write('last\n')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.ok(existsSync(`${path}.1`))
    assert.ok(statSync(`${path}.1`).size <= 17 * line.length)
    assert.ok(readFileSync(path, 'utf8').endsWith('last\n'))
  })
})
