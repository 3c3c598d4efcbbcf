import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MapEntries } from '../../../src/wire/amqp/annotation-map.ts'
import { hex, throwsCode } from './bytes.ts'

const walk = (bytes: Buffer): [string, string][] => {
  const entries = new MapEntries()
  entries.open(bytes, 0, bytes.length)
  const found: [string, string][] = []
  while (entries.next()) {
    found.push([
      bytes.toString('hex', entries.keyStart, entries.valueStart),
      bytes.toString('hex', entries.valueStart, entries.valueEnd),
    ])
  }
  return found
}

test('entries are walked in both widths of a map', () => {
  const pairs = [
    ['a30161', '5201'],
    ['a30162', '40'],
  ]
  assert.deepEqual(walk(hex('c1 0a 04 a30161 5201 a30162 40')), pairs)
  assert.deepEqual(walk(hex('d1 0000000d 00000004 a30161 5201 a30162 40')), pairs)
  assert.deepEqual(walk(hex('c1 01 00')), [])
})

test('a key is recognised as symbol or string of either width, and only whole', () => {
  const isKey = (key: string, name: string) => {
    const map = Buffer.concat([hex('d1'), Buffer.alloc(8), hex(key), hex('40')])
    map.writeUInt32BE(map.length - 5, 1)
    map.writeUInt32BE(2, 5)
    const entries = new MapEntries()
    entries.open(map, 0, map.length)
    assert.ok(entries.next())
    return entries.isKey(Buffer.from(name))
  }
  for (const key of ['a3 02 6162', 'a1 02 6162', 'b3 00000002 6162', 'b1 00000002 6162']) {
    assert.ok(isKey(key, 'ab'))
    assert.ok(!isKey(key, 'a'))
    assert.ok(!isKey(key, 'abc'))
    assert.ok(!isKey(key, 'ac'))
  }
  assert.ok(!isKey('a0 02 6162', 'ab'))
  assert.ok(!isKey('52 05', ''))
})

describe('a map that does not fit is refused', () => {
  const cases: readonly [string, string][] = [
    ['no map', 'c0 01 00'],
    ['nothing', ''],
    ['a head cut short', 'd1 00000004 0000'],
    ['longer than its bytes', 'c1 05 02 40 40'],
    ['too short for its count', 'd1 00000003 00000000'],
    ['an odd count', 'c1 02 01 40'],
    ['more entries than bytes', 'c1 03 06 40 40'],
    ['2^32-2 keys and values', 'd1 00000006 fffffffe 40 40'],
    ['bytes behind its entries', 'c1 04 02 40 40 40'],
    ['an entry beyond its end', 'c1 04 02 40 a1 05'],
  ]
  for (const [name, bytes] of cases) test(name, () => throwsCode(() => walk(hex(bytes)), 'decode-error'))
})
