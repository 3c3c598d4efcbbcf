import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/amqp/message.ts'
import { MessageSections, normaliseMessage, sectionCodeAt } from '../../../src/wire/amqp/sections.ts'
import { anyBytes } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'
import { anyMessage } from './messages.ts'

function scan(buffer: Buffer): MessageSections {
  const sections = new MessageSections()
  sections.scan(buffer, 0, buffer.length)
  return sections
}

test('the boundaries of every section are found', () => {
  const bytes = hex(
    '00 53 70 45', // header
    '00 53 71 c1 01 00', // delivery annotations
    '00 53 72 c1 01 00', // message annotations
    '00 53 73 45', // properties
    '00 53 74 c1 01 00', // application properties
    '00 53 75 a0 01 61', // data
    '00 53 75 b0 00000001 62', // data
    '00 53 78 c1 01 00', // footer
  )
  const found = scan(bytes)
  assert.deepEqual([found.headerStart, found.headerEnd], [0, 4])
  assert.deepEqual([found.deliveryAnnotationsStart, found.deliveryAnnotationsEnd], [4, 10])
  assert.deepEqual([found.messageAnnotationsStart, found.messageAnnotationsEnd], [10, 16])
  assert.deepEqual([found.propertiesStart, found.propertiesEnd], [16, 20])
  assert.deepEqual([found.applicationPropertiesStart, found.applicationPropertiesEnd], [20, 26])
  assert.deepEqual([found.bodyStart, found.bodyEnd, found.bodyCode, found.bodyCount], [26, 41, 0x75, 2])
  assert.deepEqual([found.footerStart, found.footerEnd], [41, 47])
  assert.equal(found.restStart, 16)
  assert.ok(found.isNormal)
})

test('absent sections are absent, also after a message that had them', () => {
  const sections = new MessageSections()
  const full = hex('00 53 70 45 00 53 72 c1 01 00 00 53 77 40')
  sections.scan(full, 0, full.length)
  const bare = hex('00 53 75 a0 00')
  sections.scan(bare, 0, bare.length)
  assert.deepEqual([sections.headerStart, sections.messageAnnotationsEnd, sections.restStart], [-1, -1, 0])
  assert.deepEqual([sections.bodyCode, sections.bodyCount], [0x75, 1])
})

describe('what is no message is refused', () => {
  const cases: readonly [string, string][] = [
    ['no described value', '40'],
    ['a section that is none', '00 53 6f 45'],
    ['a section that is none, above', '00 53 79 45'],
    ['sections out of order', '00 53 73 45 00 53 72 c1 01 00'],
    ['a section twice', '00 53 70 45 00 53 70 45'],
    ['two values', '00 53 77 40 00 53 77 40'],
    ['bodies of two kinds', '00 53 75 a0 00 00 53 77 40'],
    ['a body behind the footer', '00 53 78 c1 01 00 00 53 75 a0 00'],
    ['a header that is a map', '00 53 70 c1 01 00'],
    ['annotations that are a list', '00 53 72 45'],
    ['data that is text', '00 53 75 a1 00'],
    ['data longer than the message', '00 53 75 a0 05 61'],
    ['data of 2^32-1 bytes', '00 53 75 b0 ffffffff 61'],
    ['a descriptor alone', '00 53 75'],
    ['half a descriptor', '00 53'],
  ]
  for (const [name, bytes] of cases) test(name, () => throwsCode(() => scan(hex(bytes)), 'decode-error'))
})

test('other descriptors are recognised and rewritten, and nothing else is changed', () => {
  const other = hex(
    '00 80 0000000000000070 c0 02 01 41', // header with a descriptor of eight bytes
    `00 a3 1c ${Buffer.from('amqp:message-annotations:map').toString('hex')} c1 01 00`,
    `00 a3 10 ${Buffer.from('amqp:data:binary').toString('hex')} b0 00000001 61`,
  )
  assert.equal(scan(other).isNormal, false)
  const normal = normaliseMessage(other)
  assert.equal(
    normal.toString('hex'),
    hex('00 53 70 c0 02 01 41', '00 53 72 c1 01 00', '00 53 75 b0 00000001 61').toString('hex'),
  )
  assert.ok(scan(normal).isNormal)
  assert.deepEqual(decodeMessage(normal), decodeMessage(other))
})

test('a code is only read from the normal form', () => {
  assert.equal(sectionCodeAt(hex('00 53 75 a0'), 0, 4), 0x75)
  assert.equal(sectionCodeAt(hex('00 53 75'), 0, 3), 0)
  assert.equal(sectionCodeAt(hex('00 80 75 a0'), 0, 4), 0)
})

test('every message we write is normal and scans', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encodeMessage(message)
      assert.ok(scan(bytes).isNormal)
      assert.deepEqual(normaliseMessage(bytes), bytes)
    }),
  )
})

test('any bytes scan or are refused', () => {
  const start = fc.constantFrom('', '00537045', '005372c1', '005375a0', '00a3', '0080')
  fc.assert(
    fc.property(start, anyBytes, (prefix, bytes) => {
      try {
        scan(Buffer.concat([Buffer.from(prefix, 'hex'), bytes]))
      } catch (error) {
        assert.ok(isEhubError(error, 'decode-error'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
