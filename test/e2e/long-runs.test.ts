// A few turns of the long runs on the built executable, so that they are known to work when they are wanted.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { finished } from './ehub.ts'

function script(name: string, args: readonly string[]) {
  const path = fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url))
  return finished(spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...args]))
}

test('killed again and again under load, the executable loses nothing', async (t) => {
  const { code, stdout, stderr } = await script('kill9.mjs', ['--daemon', 'executable', '--cycles', '3'])
  assert.equal(code, 0, stdout + stderr)
  t.diagnostic(stdout.trim())
})

test('a disk whose power is cut loses nothing that was acknowledged', async (t) => {
  const { code, stdout, stderr } = await script('powercut.mjs', ['--daemon', 'executable', '--cuts', '1'])
  if (code === 2) return t.skip(stderr.trim())
  assert.equal(code, 0, stdout + stderr)
  t.diagnostic(stdout.trim())
})
