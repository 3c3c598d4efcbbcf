import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBlobRequest } from '../../../src/wire/blob/request.ts'
import { hmacOf, isSignedWithKey, stringToSign } from '../../../src/wire/blob/shared-key.ts'

const key = Buffer.alloc(64, 7).toString('base64')
const account = { name: 'ehub', key }

const request = (headers: Record<string, string>) =>
  parseBlobRequest(
    'put',
    '/ehub/app/h/orders/%24default/checkpoint/0?comp=metadata&Timeout=30&a%20b=c%26d',
    new Map(Object.entries(headers)),
  )

const common = {
  'content-length': '0',
  'if-match': '"0x1"',
  'x-ms-version': '2021-12-02',
  'x-ms-meta-offset': ' 1  2 ',
  'x-ms-date': 'Fri, 20 Nov 2026 12:00:00 GMT',
  host: 'localhost:10000',
}

test('what is signed: method, headers, x-ms headers in order, the path as sent, the query in order', () => {
  assert.equal(
    stringToSign(request(common), 'ehub'),
    [
      'PUT',
      '',
      '',
      '',
      '',
      '',
      '',
      '',
      '"0x1"',
      '',
      '',
      '',
      'x-ms-date:Fri, 20 Nov 2026 12:00:00 GMT',
      'x-ms-meta-offset:1 2',
      'x-ms-version:2021-12-02',
      '/ehub/ehub/app/h/orders/%24default/checkpoint/0',
      'a b:c&d',
      'comp:metadata',
      'timeout:30',
    ].join('\n'),
  )
})

test('the path is read apart decoded, as account, container and blob', () => {
  const { method, account: name, container, blob } = request({})
  assert.deepEqual([method, name, container, blob], ['PUT', 'ehub', 'app', 'h/orders/$default/checkpoint/0'])
  const of = (url: string) => {
    const parsed = parseBlobRequest('GET', url, new Map())
    return [parsed.account, parsed.container, parsed.blob]
  }
  assert.deepEqual(of('/ehub'), ['ehub', null, null])
  assert.deepEqual(of('/ehub/?comp=list'), ['ehub', null, null])
  assert.deepEqual(of('/ehub/app/'), ['ehub', 'app', null])
  assert.throws(() => of('/ehub/app/%E0%A4%A'), /not percent-encoded/)
  assert.throws(() => of('*'), /does not begin/)
})

test('a request is signed by this account, its key, and over everything in it', () => {
  const signed = (name: string, secret: string) => {
    const signature = hmacOf(stringToSign(request(common), name), secret).toString('base64')
    return `SharedKey ${name}:${signature}`
  }
  const good = signed('ehub', key)
  const isSigned = (authorization: string, headers: Record<string, string> = common) =>
    isSignedWithKey(request({ ...headers, authorization }), account)
  assert.equal(isSigned(good), true)
  assert.equal(isSigned(good, { ...common, 'x-ms-meta-offset': '3' }), false)
  assert.equal(isSigned(signed('other', key)), false)
  assert.equal(isSigned(signed('ehub', Buffer.alloc(64).toString('base64'))), false)
  for (const text of ['', 'SharedKey ehub:', `SharedKeyLite ${good.slice(10)}`, `${good} `, 'Bearer x']) {
    assert.equal(isSigned(text), false, text)
  }
})
