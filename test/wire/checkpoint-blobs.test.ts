import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatCheckpointBlobName,
  ownerOf,
  parseCheckpointBlobName,
  parseCheckpointMetadata,
  withCheckpoint,
} from '../../src/wire/checkpoint-blobs.ts'

test('the name of a checkpoint is read back from what was written, in lower case', () => {
  const name = formatCheckpointBlobName({
    host: 'Name.servicebus.windows.net',
    hub: 'Orders',
    group: '$Default',
    kind: 'checkpoint',
    partition: 3,
  })
  assert.equal(name, 'name.servicebus.windows.net/orders/$default/checkpoint/3')
  assert.deepEqual(parseCheckpointBlobName(name), {
    host: 'name.servicebus.windows.net',
    hub: 'orders',
    group: '$default',
    kind: 'checkpoint',
    partition: 3,
  })
  // As Python writes it, with the port.
  assert.equal(parseCheckpointBlobName('localhost:5672/orders/g/ownership/0')?.host, 'localhost:5672')
})

for (const name of [
  'orders/$default/checkpoint/0',
  'h/orders/$default/checkpoint/',
  'h/orders/$default/checkpoint/01',
  'h/orders/$default/checkpoint/0/1',
  'h/orders/$default/elsewhere/0',
  'h/../$default/checkpoint/0',
  '/orders/g/checkpoint/0',
]) {
  test(`"${name}" is the name of something else`, () => assert.equal(parseCheckpointBlobName(name), null))
}

test('a checkpoint needs a sequence number; its offset may be missing or opaque', () => {
  assert.deepEqual(parseCheckpointMetadata({ SequenceNumber: '7', offset: '70', clientidentifier: 'me' }), {
    sequence: 7,
    offset: 70,
    client: 'me',
  })
  assert.equal(parseCheckpointMetadata({ sequencenumber: '7', offset: '3:70:1' })?.offset, null)
  assert.equal(parseCheckpointMetadata({ offset: '70' }), null)
  for (const text of ['', 'x', '-2', '1e3', '99999999999999999']) {
    assert.equal(parseCheckpointMetadata({ sequencenumber: text }), null)
  }
})

test('another position leaves the rest of the metadata alone', () => {
  assert.deepEqual(withCheckpoint({ SequenceNumber: '1', offset: '2', clientidentifier: 'me' }, 5, 50), {
    clientidentifier: 'me',
    sequencenumber: '5',
    offset: '50',
  })
})

test('an owner may be nobody, or not said', () => {
  assert.equal(ownerOf({ OwnerId: 'me' }), 'me')
  assert.equal(ownerOf({ ownerid: '' }), '')
  assert.equal(ownerOf({}), null)
})
