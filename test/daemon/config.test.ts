import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { thisMachine } from '../../src/base/machine.ts'
import { parseConfigFile, parseHubSeed, readDaemonConfig } from '../../src/daemon/config.ts'

function home(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('daemon configuration', () => {
  test('without anything said it is durable, local and on the usual ports', (t) => {
    const folder = home(t)
    assert.deepEqual(readDaemonConfig({}, thisMachine({ HOME: folder })), {
      dataFolder:
        process.platform === 'darwin'
          ? join(folder, 'Library/Application Support/ehub')
          : join(folder, '.local/share/ehub'),
      durability: 'sync',
      tier: 'standard',
      isClockAdjustable: false,
      bind: '127.0.0.1',
      isTlsOn: true,
      amqpPort: { port: 5672, isExplicit: false },
      amqpsPort: { port: 5671, isExplicit: false },
      httpsPort: { port: 8443, isExplicit: false },
      blobPort: { port: 10_000, isExplicit: false },
      healthPort: { port: 5300, isExplicit: false },
      hubs: [],
      logLevel: 'info',
      lagSampleMs: 1000,
    })
  })

  test('flags win over the file, the file over defaults', (t) => {
    const folder = home(t)
    mkdirSync(join(folder, 'ehub'))
    const settings = { durability: 'os', tier: 'premium', 'amqp-port': 0, hub: ['orders:8'] }
    writeFileSync(join(folder, 'ehub/config.json'), JSON.stringify({ daemon: settings, other: 1 }))
    const machine = thisMachine({ HOME: folder, XDG_CONFIG_HOME: folder })
    const config = readDaemonConfig({ tier: 'basic', durability: undefined }, machine)
    assert.equal(config.durability, 'os')
    assert.equal(config.tier, 'basic')
    assert.deepEqual(config.amqpPort, { port: 0, isExplicit: true })
    assert.deepEqual(config.hubs, [{ name: 'orders', partitionCount: 8 }])
  })

  test('the lag interval has bounds', (t) => {
    const machine = thisMachine({ HOME: home(t) })
    assert.equal(readDaemonConfig({ 'lag-interval': '100ms' }, machine).lagSampleMs, 100)
    for (const text of ['10ms', '2m', 'often']) {
      assert.throws(() => readDaemonConfig({ 'lag-interval': text }, machine), /lag-interval|"often"/)
    }
  })

  test('ephemeral keeps nothing', (t) => {
    const config = readDaemonConfig({ ephemeral: true }, thisMachine({ HOME: home(t) }))
    assert.equal(config.dataFolder, null)
    assert.equal(config.durability, 'memory')
  })

  const wrong: readonly (readonly [string, () => unknown, string, RegExp])[] = [
    ['malformed JSON', () => parseConfigFile('{', 'f'), 'config-invalid', /"f" is not valid JSON/],
    ['a list', () => parseConfigFile('[]', 'f'), 'config-invalid', /JSON object/],
    ['an unknown setting', () => parseConfigFile('{"daemon":{"port":1}}', 'f'), 'config-invalid', /"port"/],
    ['a forged prototype', () => parseConfigFile('{"daemon":{"__proto__":1}}', 'f'), 'config-invalid', /"__proto__"/],
    [
      'a port out of range',
      () => parseConfigFile('{"daemon":{"amqp-port":70000}}', 'f'),
      'config-invalid',
      /0 to 65535/,
    ],
    ['a text for a list', () => parseConfigFile('{"daemon":{"hub":"a"}}', 'f'), 'config-invalid', /list of texts/],
    ['a strange hub', () => parseHubSeed('a:b'), 'config-invalid', /NAME:PARTITIONS/],
    ['a strange name', () => parseHubSeed('a/../b:1'), 'argument-error', /name/],
    [
      'a file that is not there',
      () => readDaemonConfig({ config: '/nonexistent' }, thisMachine({ HOME: '/' })),
      'file-not-found',
      /does not exist/,
    ],
    [
      'an unknown mode',
      () => readDaemonConfig({ durability: 'maybe' }, thisMachine({ HOME: '/nonexistent' })),
      'config-invalid',
      /sync, os, memory/,
    ],
    [
      'a data folder for an ephemeral daemon',
      () => readDaemonConfig({ ephemeral: true, 'data-dir': 'x' }, thisMachine({ HOME: '/nonexistent' })),
      'config-invalid',
      /--ephemeral/,
    ],
  ]
  for (const [what, run, code, message] of wrong) {
    test(`${what} is refused`, () => {
      assert.throws(run, { code, message })
    })
  }
})
