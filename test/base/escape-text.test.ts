import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { escapeLines, escapeText } from '../../src/base/escape-text.ts'

describe('texts of peers', () => {
  test('lose their controls, line breaks and directions', () => {
    assert.equal(escapeText('a\u001b[2J\r\n\t\u009b\u202e\u2028é€'), 'a\\x1b[2J\\r\\n\\t\\x9b\\u202e\\u2028é€')
    assert.equal(escapeLines('a\n\tb\u001b'), 'a\n\tb\\x1b')
  })

  test('never hold one afterwards, and plain ones stay as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(escapeText(text), /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u)
      }),
    )
    assert.equal(escapeText('Grüße, 世界 \\n'), 'Grüße, 世界 \\n')
  })
})
