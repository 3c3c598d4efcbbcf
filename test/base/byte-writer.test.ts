import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../../src/base/byte-writer.ts'

test('numbers are written big endian, one behind the other', () => {
  const writer = new ByteWriter()
  writer.uint8(0x01)
  writer.uint16(0x0203)
  writer.uint32(0xfffefdfc)
  writer.int32(-1)
  writer.uint64(-2n)
  assert.equal(writer.taken().toString('hex'), '010203fffefdfcfffffffffffffffffffffffe')
})

test('a writer grows by what it needs and keeps what it has', () => {
  const writer = new ByteWriter(Buffer.alloc(3))
  writer.bytes(Buffer.from('abc'))
  writer.utf8('dé', 3)
  writer.bytes(Buffer.alloc(1000, 0x61))
  assert.equal(writer.position, 1006)
  assert.equal(writer.taken().toString('utf8', 0, 6), 'abcdé')
})

test('a copy is the caller’s, and the writer starts again', () => {
  const writer = new ByteWriter()
  writer.bytes(Buffer.from('abc'))
  const copy = writer.takeCopy()
  writer.bytes(Buffer.from('xyz'))
  assert.equal(copy.toString(), 'abc')
  assert.equal(writer.taken().toString(), 'xyz')
  writer.clear()
  assert.equal(writer.position, 0)
})
