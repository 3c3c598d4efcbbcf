import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admit, type Contender, stolen } from '../../../src/daemon/broker/owner-levels.ts'

const shared = (name: string | null = null): Contender => ({ name, ownerLevel: null })
const owner = (ownerLevel: number, name: string | null = null): Contender => ({ name, ownerLevel })

const table: readonly {
  readonly what: string
  readonly present: readonly Contender[]
  readonly newcomer: Contender
  /** Displaced are all or none; otherwise the refusal's code. */
  readonly result: 'all' | 'none' | 'owner-level-lower' | 'owner-level-required' | 'receiver-limit'
}[] = [
  { what: 'the first shared', present: [], newcomer: shared(), result: 'none' },
  { what: 'the first owner', present: [], newcomer: owner(0), result: 'none' },
  { what: 'a fifth shared', present: [1, 2, 3, 4].map(() => shared()), newcomer: shared(), result: 'none' },
  {
    what: 'a sixth shared',
    present: [1, 2, 3, 4, 5].map(() => shared()),
    newcomer: shared(),
    result: 'receiver-limit',
  },
  {
    what: 'an owner among five shared',
    present: [1, 2, 3, 4, 5].map(() => shared()),
    newcomer: owner(0),
    result: 'all',
  },
  { what: 'a higher owner', present: [owner(1)], newcomer: owner(2), result: 'all' },
  { what: 'an equal owner', present: [owner(0)], newcomer: owner(0), result: 'all' },
  { what: 'a lower owner', present: [owner(2)], newcomer: owner(1), result: 'owner-level-lower' },
  { what: 'a shared beside an owner', present: [owner(0)], newcomer: shared(), result: 'owner-level-required' },
]

for (const { what, present, newcomer, result } of table) {
  test(`${what} is ${result === 'none' || result === 'all' ? `admitted, displacing ${result}` : `refused: ${result}`}`, () => {
    const admission = admit(present, newcomer)
    if ('refusal' in admission) assert.equal(admission.refusal.code, result)
    else assert.deepEqual(admission.displaced, result === 'all' ? present : [])
  })
}

test('the sentences are the ones the service says', () => {
  const refusal = (present: readonly Contender[], newcomer: Contender) => {
    const admission = admit(present, newcomer)
    return 'refusal' in admission ? admission.refusal.message : ''
  }
  assert.equal(
    refusal(['a', 'b', null, 'd', 'e'].map(shared), shared('f')),
    'Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5. ' +
      'List of connected receivers - a, b, nil, d, e',
  )
  assert.equal(
    refusal([owner(5, 'old')], owner(4, 'new')),
    "Receiver 'old' with a higher epoch '5' already exists. Receiver 'new' with epoch 4 cannot be created. " +
      'Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch ' +
      'receivers are closed or disconnected',
  )
  assert.equal(
    refusal([owner(0, 'old')], shared('new')),
    "At least one receiver for the endpoint is created with epoch of '0', and so non-epoch receiver is not allowed. " +
      'Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected',
  )
  assert.equal(
    stolen(owner(0, 'old'), owner(0, 'new')).message,
    "New receiver 'new' with higher epoch of '0' is created hence current receiver 'old' with epoch '0' is getting " +
      'disconnected. If you are recreating the receiver, make sure a higher epoch is used',
  )
  assert.match(stolen(shared(), owner(3, 'new')).message, /current receiver 'nil' with epoch '' is/)
})
