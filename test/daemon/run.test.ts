// The last resort of a daemon's process: what nobody expected ends it, with its stack in the log. In a process of its own.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const mishaps: readonly (readonly [what: string, code: string])[] = [
  ['an exception nobody caught', "throw new TypeError('oops')"],
  ['a rejection nobody handled', "Promise.reject(new TypeError('oops'))"],
]

for (const [what, mishap] of mishaps) {
  test(`${what} ends the daemon with its stack in the log`, (t) => {
    const home = mkdtempSync(join(tmpdir(), 'ehub-run-'))
    t.after(() => rmSync(home, { recursive: true, force: true }))
    const script = `
      import { runDaemon } from ${JSON.stringify(new URL('../../src/daemon/run.ts', import.meta.url).href)}
      const write = (line) => {
        process.stderr.write(line)
        if (line.includes('"ready"')) queueMicrotask(() => { ${mishap} })
      }
      const settings = { ephemeral: true, 'amqp-port': 0, tls: 'off' }
      await runDaemon({ settings, argv: [], self: null, version: '0', foreground: { write } })`
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
      env: { PATH: process.env.PATH, HOME: home, EHUB_RUNTIME_DIR: home },
    })
    const last = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
    assert.equal(last.message, 'bug: the daemon ends')
    assert.match(last.stack, /^TypeError: oops\n +at /)
    assert.equal(status, 1)
  })
}
