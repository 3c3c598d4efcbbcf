import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  binaryValue,
  intValue,
  longValue,
  mapEntry,
  nullValue,
  safeIntegerOf,
  stringValue,
  symbolValue,
  textOf,
  timestampValue,
  ulongValue,
} from '../../../src/wire/amqp/types.ts'

test('text comes from strings, symbols and binary, and from nothing else', () => {
  assert.equal(textOf(stringValue('READ')), 'READ')
  assert.equal(textOf(symbolValue('READ')), 'READ')
  assert.equal(textOf(binaryValue(Buffer.from('READ'))), 'READ')
  assert.equal(textOf(intValue(7)), null)
  assert.equal(textOf(nullValue), null)
  assert.equal(textOf(undefined), null)
})

test('integers of any width come as numbers while they are safe', () => {
  assert.equal(safeIntegerOf(intValue(-7)), -7)
  assert.equal(safeIntegerOf(longValue(-1)), -1)
  assert.equal(safeIntegerOf(timestampValue(1_700_000_000_000)), 1_700_000_000_000)
  assert.equal(safeIntegerOf(ulongValue(2n ** 53n)), null)
  assert.equal(safeIntegerOf(stringValue('7')), null)
})

test('a map entry is found under a symbol or a string, the first of several; names of objects are names like others', () => {
  const map = [
    [symbolValue('epoch'), longValue(1)],
    [stringValue('epoch'), longValue(2)],
    [stringValue('__proto__'), longValue(3)],
    [binaryValue(Buffer.from('bytes')), longValue(4)],
  ] as const
  assert.deepEqual(mapEntry(map, 'epoch'), longValue(1))
  assert.deepEqual(mapEntry(map, '__proto__'), longValue(3))
  assert.equal(mapEntry(map, 'constructor'), undefined)
  assert.equal(mapEntry(map, 'bytes'), undefined)
  assert.equal(mapEntry(null, 'epoch'), undefined)
})
