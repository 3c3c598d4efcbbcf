import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const child = fileURLToPath(new URL('real-limits-child.ts', import.meta.url))

interface Result {
  readonly written: number
  readonly refused: string | null
  readonly resumed: boolean
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-limits-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function run(limits: string, ...args: string[]): Promise<Result> {
  const command = `${limits} exec "$0" --disable-warning=ExperimentalWarning "$@"`
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, child, ...args])
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Result
}

test('a full file system refuses appends, loses nothing, and takes them again when there is room', async (t) => {
  const folder = temporaryFolder(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.skip('mounting a tmpfs needs root')
  }
  const { written, refused, resumed } = await run('', folder, '3', '64').finally(() => execFileSync('umount', [folder]))
  t.diagnostic(`${written} batches of 16 kB, then: ${refused}`)
  assert.ok(written > 20, `${written} batches fitted`)
  assert.notEqual(refused, null)
  assert.ok(resumed, 'appends go on after trimming')
})

test('the largest file the system allows refuses nothing for ever and loses nothing', async (t) => {
  // 512-byte blocks in sh: 1 MiB, less than the journal would like to be.
  const { written, refused } = await run('ulimit -f 2048;', join(temporaryFolder(t), 'data'), '2', '3')
  t.diagnostic(`${written} batches of 16 kB, refused: ${refused}`)
  assert.ok(written > 20, `${written} batches were taken`)
})

test('three hundred logs work with sixty-four open files', async (t) => {
  const { written, refused } = await run('ulimit -n 64;', join(temporaryFolder(t), 'data'), '300', '10')
  t.diagnostic(`${written} batches of 16 kB`)
  assert.ok(written > 600, `${written} batches were taken`)
  assert.equal(refused, null)
})
