import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { parsePropertyFlag } from '../../../src/wire/events/prop-flag.ts'
import { systemOfFlags } from '../../../src/wire/events/system-properties.ts'

const uuid = '00112233-4455-6677-8899-aabbccddeeff'
const cases: readonly (readonly [string, string, unknown])[] = [
  ['type=OrderPlaced', 'type', { type: 'string', value: 'OrderPlaced' }],
  ['a=b=c', 'a', { type: 'string', value: 'b=c' }],
  ['empty=', 'empty', { type: 'string', value: '' }],
  ['n:int=5', 'n', { type: 'int', value: 5 }],
  ['n:long=-9223372036854775808', 'n', { type: 'long', value: -(2n ** 63n) }],
  ['n:ulong=18446744073709551615', 'n', { type: 'ulong', value: 2n ** 64n - 1n }],
  ['n:byte=-1', 'n', { type: 'byte', value: -1 }],
  ['x:double=1.5', 'x', { type: 'double', value: 1.5 }],
  ['x:float=0.5', 'x', { type: 'float', value: 0.5 }],
  ['ok:bool=true', 'ok', { type: 'boolean', value: true }],
  ['at:date=2026-11-20T09:00:00Z', 'at', { type: 'timestamp', value: 1_795_165_200_000n }],
  ['at:timestamp=1700000000000', 'at', { type: 'timestamp', value: 1_700_000_000_000n }],
  [`id:uuid=${uuid}`, 'id', { type: 'uuid', value: Buffer.from(uuid.replaceAll('-', ''), 'hex') }],
  ['b:binary=aGk=', 'b', { type: 'binary', value: Buffer.from('hi') }],
  ['s:symbol=x', 's', { type: 'symbol', value: 'x' }],
  ['c:char=é', 'c', { type: 'char', value: 0xe9 }],
  ['z:null=', 'z', { type: 'null', value: null }],
  ['urn:x:string=1', 'urn:x', { type: 'string', value: '1' }],
]
for (const [flag, name, value] of cases) {
  test(`--prop ${flag}`, () => assert.deepEqual(parsePropertyFlag(flag), [name, value]))
}

test('what is no property is a usage error', () => {
  for (const flag of [
    '',
    'name',
    '=x',
    ':int=5',
    'n:int=',
    'n:int=1.5',
    'n:int=99999999999',
    'n:bool=yes',
    'n:urn=1',
    'n:list=[]',
  ]) {
    assert.throws(
      () => parsePropertyFlag(flag),
      (error) => isEhubError(error, 'usage'),
      flag,
    )
  }
})

test('system properties by name, in any case', () => {
  assert.deepEqual(systemOfFlags(['messageid=m1', 'contentType=a/b', 'groupSequence=7']), {
    messageId: { type: 'string', value: 'm1' },
    contentType: 'a/b',
    groupSequence: 7,
  })
  assert.equal(systemOfFlags([]), null)
  for (const flag of ['nope=1', 'messageId', 'groupSequence=-1']) {
    assert.throws(
      () => systemOfFlags([flag]),
      (error) => isEhubError(error, 'usage'),
      flag,
    )
  }
})
