// Capture into the daemon's own blob endpoint, over HTTP: small files, files of many blocks, an outage in the middle.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SystemClock } from '../../../../src/base/clock.ts'
import { quietLog } from '../../../../src/base/log.ts'
import { BlobFiles } from '../../../../src/daemon/protocols/blob/blob-files.ts'
import { BlobServer } from '../../../../src/daemon/protocols/blob/server.ts'
import type { CapturedFile } from '../../../../src/daemon/protocols/capture/capture-service.ts'
import { BlobDestination } from '../../../../src/daemon/protocols/capture/blob-destination.ts'
import { parseAccountString } from '../../../../src/wire/blob/account-string.ts'
import { SimDisk } from '../../../sim/sim-disk.ts'
import { SimRandom } from '../../../sim/sim-random.ts'
import { openTestBroker } from '../../broker/builders.ts'
import { openCaptureWorld, recordsOf, settings } from './world.ts'

/** An account on a broker of its own, which can go and come back on the same port. */
async function openAccount(t: TestContext) {
  const { broker } = await openTestBroker(t, {}, { partitionCount: 0 })
  const { blobs } = broker
  const disk = new SimDisk()
  const files = await BlobFiles.open({ disk, blobs, random: new SimRandom(1) })
  const bugs: unknown[] = []
  const make = () =>
    new BlobServer({
      blobs,
      files,
      clock: new SystemClock(),
      random: new SimRandom(1),
      log: quietLog,
      onBug: (error) => bugs.push(error),
    })
  let server = make()
  const port = await server.listen('127.0.0.1', 0)
  t.after(async () => {
    await server.close()
    assert.deepEqual(bugs, [])
  })
  const { name, key } = blobs.account
  const text = `AccountName=${name};AccountKey=${key};BlobEndpoint=http://127.0.0.1:${port}/${name}`
  const open = () =>
    new BlobDestination({ container: 'captures', account: () => parseAccountString(text), clock: new SystemClock() })
  const content = async (blob: string) => {
    const { content, files: names, contentBytes } = blobs.blob('captures', blob)
    const chunks: Buffer[] = [content]
    for await (const chunk of files.read(names, 0, contentBytes)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  const goAway = () => server.close()
  const comeBack = async () => {
    server = make()
    await server.listen('127.0.0.1', port)
  }
  return { blobs, disk, endpoint: `http://127.0.0.1:${port}/${name}`, open, content, goAway, comeBack }
}

test('a window becomes a blob whose metadata says what is in it', async (t) => {
  const account = await openAccount(t)
  const { service, publish, captured } = await openCaptureWorld(t, account.open)
  await publish(['before'])
  await service.enable('local', 'orders', settings)
  await publish(['one', 'two'])
  assert.equal(await service.flush(captured()), 1)
  const [blob] = account.blobs.listBlobs('captures', 'local/orders/0/', '', 10).blobs
  assert.deepEqual(blob?.metadata, { events: '2', firstsequence: '1', lastsequence: '2' })
  assert.deepEqual(await recordsOf(await account.content(blob.name)), [
    [1, 'one'],
    [2, 'two'],
  ])
  const files: CapturedFile[] = []
  for await (const file of service.files(captured(), null, 10)) files.push(file)
  assert.deepEqual(
    files.map(({ partition, events, firstSequence, lastSequence }) => [partition, events, firstSequence, lastSequence]),
    [[0, 2, 1, 2]],
  )
})

test('a file of several blocks is read back whole, also after an outage in the middle of it', async (t) => {
  const account = await openAccount(t)
  const { service, publish, captured } = await openCaptureWorld(t, account.open)
  await service.enable('local', 'orders', settings)
  const body = 'x'.repeat(60_000)
  const send = async (from: number, to: number) => {
    for (let i = from; i < to; i += 1) await publish([`${i} ${body}`])
  }
  await send(0, 150)
  const hub = captured()
  service.look()
  await account.goAway()
  await send(150, 170)
  await assert.rejects(service.flush(hub), { code: 'connect-failed' })
  const failing = service.find('local', 'orders')?.partitions[0]
  assert.ok((failing?.failures ?? 0) > 0 && failing?.lagEvents === 170)
  await account.comeBack()
  assert.equal(await service.flush(hub), 1)
  assert.equal(service.find('local', 'orders')?.partitions[0]?.failures, 0)
  const [blob] = account.blobs.listBlobs('captures', '', '', 10).blobs
  const records = await recordsOf(await account.content(blob!.name))
  assert.deepEqual(
    records.map(([sequence, text]) => [sequence, text.length, text.startsWith(`${sequence} x`)]),
    Array.from({ length: 170 }, (_, i) => [i, `${i} ${body}`.length, true]),
  )
  // The blocks it is made of, and no others.
  assert.deepEqual(
    [...account.disk.files().keys()].map((path) => path.slice('blobs/'.length)).sort(),
    [...account.blobs.files()].sort(),
  )
  assert.ok(account.blobs.files().size >= 3)
})

test('a wrong key is an error that says what to do, and no secret', async (t) => {
  const account = await openAccount(t)
  const wrong = Buffer.alloc(64, 7).toString('base64')
  const credentials = { kind: 'key', account: { name: 'ehub', key: wrong } } as const
  const open = () =>
    new BlobDestination({
      container: 'captures',
      account: () => ({ endpoint: account.endpoint, credentials }),
      clock: new SystemClock(),
    })
  const { service, publish, captured } = await openCaptureWorld(t, open)
  await service.enable('local', 'orders', settings)
  await publish(['one'])
  await assert.rejects(service.flush(captured()), (error: Error & { code: string; hint: string }) => {
    assert.equal(error.code, 'unauthorized')
    assert.match(error.message, /blob:captures: Put Blob was answered with 403 AuthenticationFailed/)
    assert.match(error.hint, /--credentials/)
    assert.ok(!error.message.includes(wrong))
    return true
  })
})
