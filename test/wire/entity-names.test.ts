import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import {
  checkEntityName,
  entityKey,
  isDefaultGroup,
  isEntityName,
  type NamedEntity,
} from '../../src/wire/entity-names.ts'

test('ordinary names are fine up to the length the service allows', () => {
  const good: readonly (readonly [NamedEntity, string])[] = [
    ['hub', 'orders'],
    ['hub', 'a'],
    ['hub', '0-a_b.c'],
    ['hub', 'x'.repeat(256)],
    ['group', '$Default'],
    ['group', '$default'],
    ['group', 'g'.repeat(50)],
    ['namespace', 'local'],
    ['namespace', `n${'-a'.repeat(24)}`],
    ['rule', 'RootManageSharedAccessKey'],
  ]
  for (const [kind, name] of good) assert.equal(isEntityName(kind, name), true, `${kind} ${name}`)
})

test('names that climb, hide characters, mimic letters or are too long are refused', () => {
  const bad: readonly (readonly [NamedEntity, string])[] = [
    ['hub', ''],
    ['hub', '.'],
    ['hub', '..'],
    ['hub', '../etc'],
    ['hub', 'a/b'],
    ['hub', 'a\\b'],
    ['hub', 'a%2Fb'],
    ['hub', '%2e%2e'],
    ['hub', 'a\0b'],
    ['hub', 'a\n'],
    ['hub', 'a b'],
    ['hub', '-a'],
    ['hub', 'a-'],
    ['hub', '$state'],
    ['hub', '$Default'],
    // Cyrillic o, full-width a, a zero-width joiner, the Kelvin sign (whose lower case is an ASCII k).
    ['hub', '\u043erders'],
    ['hub', '\uff41bc'],
    ['hub', 'or\u200dders'],
    ['hub', '\u212aelvin'],
    ['hub', 'x'.repeat(257)],
    ['group', 'g'.repeat(51)],
    ['group', '$Defaults'],
    ['group', '\u0130'],
    ['namespace', '1abc'],
    ['namespace', 'a.b'],
    ['namespace', 'a_b'],
    ['namespace', 'n'.repeat(51)],
    ['rule', 'a/b'],
  ]
  for (const [kind, name] of bad) {
    assert.throws(
      () => checkEntityName(kind, name),
      (error) => isEhubError(error, 'argument-error'),
      `${kind} ${JSON.stringify(name)}`,
    )
  }
})

test('the refusal says what the name is, shows control characters escaped, and what is allowed', () => {
  assert.throws(
    () => checkEntityName('hub', 'or\u0007ders'),
    (error) =>
      isEhubError(error) &&
      error.message === '"or\\u0007ders" cannot be the name of a hub' &&
      error.hint?.includes('1 to 256 characters') === true,
  )
  assert.throws(() => checkEntityName('group', 'g'.repeat(51)), /at most 50 characters, this one has 51/)
})

test('names are the same whatever their case', () => {
  assert.equal(entityKey('Orders'), entityKey('oRDERS'))
  assert.notEqual(entityKey('\u212aelvin'), 'kelvin')
  assert.equal(isDefaultGroup('$DEFAULT'), true)
  assert.equal(isDefaultGroup('default'), false)
})
