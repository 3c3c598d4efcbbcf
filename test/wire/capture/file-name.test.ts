import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { defaultNameFormat, parseNameFormat } from '../../../src/wire/capture/file-name.ts'
import { throwsCode } from '../amqp/bytes.ts'

const place = { namespace: 'myns', hub: 'orders', partition: 9, startMs: Date.UTC(2022, 11, 9, 16, 50, 12) }

describe('expansion', () => {
  const cases: readonly [format: string, name: string][] = [
    [defaultNameFormat, 'myns/orders/9/2022/12/09/16/50/12.avro'],
    // As a file in a public repository is named.
    [
      '{Namespace}/{EventHub}/p{PartitionId}--{Year}-{Month}-{Day}--{Hour}-{Minute}-{Second}',
      'myns/orders/p9--2022-12-09--16-50-12.avro',
    ],
    [
      'Prod_{EventHub}/{Namespace}\\{PartitionId}_{Year}_{Month}/{Day}/{Hour}/{Minute}/{Second}',
      'Prod_orders/myns\\9_2022_12/09/16/50/12.avro',
    ],
    [
      '{Second}{Minute}{Hour}{Day}{Month}{Year}-{PartitionId}-{EventHub}.{Namespace}',
      '12501609122022-9-orders.myns.avro',
    ],
  ]
  for (const [format, name] of cases) {
    test(format, () => {
      const parsed = parseNameFormat(format)
      assert.equal(parsed.expand(place), name)
      assert.deepEqual(parsed.parse(name), place)
      assert.deepEqual(parsed.parse(`some/where/${name}`), place)
    })
  }

  test('a second file of the same second has a suffix', () => {
    const format = parseNameFormat(defaultNameFormat)
    assert.equal(format.expand(place, '-1'), 'myns/orders/9/2022/12/09/16/50/12-1.avro')
    assert.deepEqual(format.parse('myns/orders/9/2022/12/09/16/50/12-1.avro'), place)
  })

  test('names of one partition begin alike', () => {
    assert.equal(parseNameFormat(defaultNameFormat).prefix(place), 'myns/orders/9/')
    const early = '{Year}/{Namespace}/{EventHub}/{PartitionId}/{Month}/{Day}/{Hour}/{Minute}/{Second}'
    assert.equal(parseNameFormat(early).prefix(place), '')
  })
})

describe('what is no name of the format', () => {
  const format = parseNameFormat(defaultNameFormat)
  for (const name of [
    'myns/orders/9/2022/12/09/16/50/12',
    'myns/orders/9/2022/02/31/16/50/12.avro',
    'myns/orders/09/2022/12/09/16/50/12.avro',
    'myns/orders/9/2022/12/09/24/50/12.avro',
    'my_ns/orders/9/2022/12/09/16/50/12.avro',
    'orders/9/2022/12/09/16/50/12.avro',
    'myns/orders/9/2022/12/09/16/50/12.avro.tmp',
  ]) {
    test(name, () => assert.equal(format.parse(name), null))
  }
})

describe('formats that are refused', () => {
  const all = '{Namespace}{EventHub}{PartitionId}{Year}{Month}{Day}{Hour}{Minute}{Second}'
  for (const format of [
    '',
    '{Namespace}/{EventHub}/{PartitionId}',
    `${all}{Millisecond}`,
    `${all}{year}`,
    `${all}}`,
    `{${all}`,
    `../${all}`,
    `/${all}`,
    `a//${all}`,
    `a/./${all}`,
    `a\\..\\${all}`,
    `${all}\n`,
    `${all}${'x'.repeat(512)}`,
  ]) {
    test(JSON.stringify(format).slice(0, 60), () => throwsCode(() => parseNameFormat(format), 'argument-error'))
  }
  test('the error says what is missing', () => {
    assert.throws(() => parseNameFormat('{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}'), {
      message: /lacks \{Minute\}, \{Second\}/,
    })
  })
})

test('with namespace and hub known, nothing has to lie between the tokens', () => {
  const format = parseNameFormat('{EventHub}{Namespace}{PartitionId}{Year}{Month}{Day}{Hour}{Minute}{Second}')
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/),
      fc.stringMatching(/^[a-z][a-z0-9.]{0,9}$/),
      fc.integer({ min: 0, max: 1023 }),
      fc.integer({ min: 0, max: 253_402_300_799 }),
      (namespace, hub, partition, seconds) => {
        const wanted = { namespace, hub, partition, startMs: seconds * 1000 }
        assert.deepEqual(format.parse(format.expand(wanted), { namespace, hub }), wanted)
      },
    ),
  )
})
