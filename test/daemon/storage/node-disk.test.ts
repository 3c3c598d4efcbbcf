import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { DiskError } from '../../../src/daemon/storage/disk.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-disk-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const systemCode = (code: string) => (error: unknown) => error instanceof DiskError && error.systemCode === code

test('what is written is read, beyond the end there is less', async (t) => {
  const disk = new NodeDisk(temporaryFolder(t))
  const file = await disk.open('a', 'create')
  await file.write([Buffer.from('hello '), Buffer.alloc(0), Buffer.from('world')], 3)
  file.writeSync([Buffer.from('abc')], 0)
  assert.equal(await file.size(), 14)
  const into = Buffer.alloc(20)
  assert.equal(await file.read(into, 0), 14)
  assert.equal(into.toString('latin1', 0, 14), 'abchello world')
  assert.equal(file.readSync(into, 9), 5)
  assert.equal(into.toString('latin1', 0, 5), 'world')
  assert.equal(await file.read(into, 100), 0)
  await file.sync()
  await file.close()
})

test('changes of one file take effect in the order of their calls', async (t) => {
  const disk = new NodeDisk(temporaryFolder(t))
  const file = await disk.open('a', 'create')
  const changes: Promise<unknown>[] = []
  for (let round = 0; round < 50; round++) {
    changes.push(file.write([Buffer.alloc(100_000, round)], 0))
    if (round % 10 === 5) changes.push(file.truncate(10))
  }
  const into = Buffer.alloc(100_000)
  assert.equal(await file.read(into, 0), 100_000)
  assert.ok(into.every((byte) => byte === 49))
  await Promise.all(changes)
  await file.close()
})

test('a list of more chunks than one call takes is written whole', async (t) => {
  const disk = new NodeDisk(temporaryFolder(t))
  const file = await disk.open('a', 'create')
  const chunks = Array.from({ length: 3000 }, (_, index) => Buffer.from([index & 255, index >> 8]))
  await file.write(chunks, 0)
  file.writeSync(chunks, 6000)
  const into = Buffer.alloc(12_000)
  assert.equal(await file.read(into, 0), 12_000)
  assert.deepEqual(into.subarray(0, 6000), Buffer.concat(chunks))
  assert.deepEqual(into.subarray(6000), Buffer.concat(chunks))
  await file.close()
})

test('preallocating keeps what is there and fills with zeros', async (t) => {
  const disk = new NodeDisk(temporaryFolder(t))
  const file = await disk.open('a', 'create')
  await file.write([Buffer.from('abc')], 0)
  await file.preallocate(3_000_000)
  assert.equal(await file.size(), 3_000_000)
  const into = Buffer.alloc(8)
  await file.read(into, 0)
  assert.deepEqual(into, Buffer.from('abc\0\0\0\0\0'))
  await file.close()
})

test('folders are 0700, files 0600', async (t) => {
  const root = join(temporaryFolder(t), 'data')
  const disk = new NodeDisk(root)
  await disk.makeDirectory('x/y')
  await (await disk.open('x/y/f', 'create')).close()
  assert.equal(statSync(join(root, 'x')).mode & 0o777, 0o700)
  assert.equal(statSync(join(root, 'x/y')).mode & 0o777, 0o700)
  assert.equal(statSync(join(root, 'x/y/f')).mode & 0o777, 0o600)
  assert.deepEqual(await disk.list('x'), [{ name: 'y', kind: 'directory' }])
})

test('the system names what fails', async (t) => {
  const disk = new NodeDisk(temporaryFolder(t))
  await assert.rejects(disk.open('a', 'read'), systemCode('ENOENT'))
  await assert.rejects(disk.list('missing'), systemCode('ENOENT'))
  await (await disk.open('a', 'create')).close()
  await assert.rejects(disk.open('a', 'create'), systemCode('EEXIST'))
  await disk.rename('a', 'b')
  await disk.remove('b')
  await assert.rejects(disk.remove('b'), systemCode('ENOENT'))
})

test('symbolic links are refused wherever they lie', async (t) => {
  const root = temporaryFolder(t)
  const elsewhere = temporaryFolder(t)
  writeFileSync(join(elsewhere, 'file'), 'x')
  symlinkSync(join(elsewhere, 'file'), join(root, 'file'))
  symlinkSync(elsewhere, join(root, 'folder'))
  const disk = new NodeDisk(root)
  const isRefused = (error: unknown) =>
    isEhubError(error, 'data-folder-unusable') && /symbolic link/.test(error.message)
  await assert.rejects(disk.open('file', 'write'), isRefused)
  await assert.rejects(disk.open('folder/file', 'read'), isRefused)
  await assert.rejects(disk.list('folder'), isRefused)
  await assert.rejects(disk.list(''), isRefused)
})

test('one process at a time holds a folder, and kill -9 gives it back', async (t) => {
  const root = join(temporaryFolder(t), 'data')
  mkdirSync(root)
  const source = new URL('../../../src/daemon/storage/node-disk.ts', import.meta.url).href
  const script = `import { NodeDisk } from ${JSON.stringify(source)}
await new NodeDisk(${JSON.stringify(root)}).lock(); process.stdout.write('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const isLocked = (error: unknown) =>
    isEhubError(error, 'data-folder-locked') && error.message.includes(`process ${child.pid}`)
  await assert.rejects(new NodeDisk(root).lock(), isLocked)
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  const release = await new NodeDisk(root).lock()
  assert.equal(readFileSync(join(root, 'lock.pid'), 'utf8'), `${process.pid}\n`)
  await assert.rejects(new NodeDisk(root).lock(), (error) => isEhubError(error, 'data-folder-locked'))
  const other = await new NodeDisk(temporaryFolder(t)).lock()
  await other()
  await release()
  await (await new NodeDisk(root).lock())()
})
