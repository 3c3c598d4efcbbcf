import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bindAddress, openPort } from '../../src/daemon/ports.ts'

const amqp = { name: 'AMQP', flag: '--amqp-port', isEssential: true }
const https = { name: 'HTTPS', flag: '--https-port', isEssential: false }
const fail = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))

describe('the port policy', () => {
  test('a free port is opened, 0 becomes the one that was found', async () => {
    const choice = { port: 0, isExplicit: true }
    assert.deepEqual(await openPort(amqp, choice, '127.0.0.1', async () => 40_000), { port: 40_000 })
  })

  test('the AMQP port taken says who may hold it and how to move', async () => {
    const choice = { port: 5672, isExplicit: false }
    await assert.rejects(openPort(amqp, choice, '127.0.0.1', fail('EADDRINUSE')), {
      code: 'port-taken',
      message: 'port 5672 for AMQP is taken',
      hint: /RabbitMQ.*ss -ltnp.*--amqp-port PORT/,
    })
  })

  test('another default port taken is skipped, an explicit one is an error', async () => {
    const skipped = await openPort(https, { port: 8443, isExplicit: false }, '127.0.0.1', fail('EADDRINUSE'))
    assert.deepEqual(skipped, { skipped: 'port 8443 for HTTPS is taken: not listening (--https-port moves it)' })
    const explicit = { port: 8443, isExplicit: true }
    await assert.rejects(openPort(https, explicit, '127.0.0.1', fail('EADDRINUSE')), { code: 'port-taken' })
  })

  test('a privileged port and a foreign address are configuration errors', async () => {
    const choice = { port: 80, isExplicit: true }
    await assert.rejects(openPort(https, choice, '127.0.0.1', fail('EACCES')), { code: 'config-invalid' })
    await assert.rejects(openPort(https, choice, '10.9.8.7', fail('EADDRNOTAVAIL')), { code: 'config-invalid' })
  })

  test('an address is taken, a name is not', () => {
    assert.equal(bindAddress('localhost'), '127.0.0.1')
    assert.equal(bindAddress('::1'), '::1')
    assert.throws(() => bindAddress('example.org'), { code: 'config-invalid' })
  })
})
