import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyNames, type PressedKey } from '../../src/tui/key-names.ts'

const none: PressedKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageUp: false,
  pageDown: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  tab: false,
  backspace: false,
  delete: false,
  ctrl: false,
  meta: false,
}

test('keys have names, characters are their own', () => {
  assert.deepEqual(keyNames('', { ...none, upArrow: true }), ['up'])
  assert.deepEqual(keyNames('', { ...none, delete: true }), ['backspace'])
  assert.deepEqual(keyNames('c', { ...none, ctrl: true }), ['ctrl-c'])
  assert.deepEqual(keyNames('x', { ...none, ctrl: true }), [])
  assert.deepEqual(keyNames('x', { ...none, meta: true }), [])
  assert.deepEqual(keyNames('q', none), ['q'])
})

test('typed fast, a text and its return come as one and are taken apart', () => {
  assert.deepEqual(keyNames('ab\r', none), ['a', 'b', 'return'])
  assert.deepEqual(keyNames('a\u007f\u0007', none), ['a', 'backspace'])
  assert.equal(keyNames('x'.repeat(10_000), none).length, 256)
})
