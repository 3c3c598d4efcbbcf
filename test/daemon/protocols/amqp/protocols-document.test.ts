import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/daemon/protocols/amqp/limits.ts'
import { protocolsDocument } from './error-table.ts'

test('the table of errors in docs/PROTOCOLS.md is current', () => {
  const { is, shouldBe } = protocolsDocument()
  assert.equal(is, shouldBe, 'run: node test/daemon/protocols/amqp/error-table.ts --write')
})

test('the limits in docs/PROTOCOLS.md are those of the code', () => {
  const { is } = protocolsDocument()
  const rows: [string, number | null][] = [
    ['| open | max-frame-size | %; frames above it', defaultLimits.frameBytesMax],
    ['(% until SASL is over)', defaultLimits.saslFrameBytesMax],
    ['| open | channel-max | % |', defaultLimits.channelMax],
    ['| open | idle-time-out | % ms |', defaultLimits.idleTimeoutMs],
    ['incoming-window, outgoing-window | % |', defaultLimits.incomingWindow],
    ['| begin | handle-max | % |', defaultLimits.handleMax],
    ['link-credit | % at once', defaultLimits.senderCredit],
    ['half is used; % on', defaultLimits.requestCredit],
    ['| no protocol header | % s |', defaultLimits.headerMs / 1000],
    ['| not open | % s from', defaultLimits.openMs / 1000],
    ['| no TLS handshake | % s |', defaultLimits.handshakeMs / 1000],
    ['| no byte from the client | % s', (2 * defaultLimits.idleTimeoutMs) / 1000],
    ['| no link since open | % s |', (defaultLimits.noLinkMs ?? 0) / 1000],
    ['| no link after there were some | % s |', (defaultLimits.linksGoneMs ?? 0) / 1000],
    ['does not leave after close | % s |', defaultLimits.closeMs / 1000],
    ['One below % ms is refused', defaultLimits.peerIdleTimeoutMsMin],
    ['and % of one address', defaultLimits.unopenedPerAddressMax],
  ]
  for (const [row, value] of rows) assert.ok(is.includes(row.replace('%', String(value))), row)
})
