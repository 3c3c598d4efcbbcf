// What a daemon can be told, the same for `daemon start` and `daemon run`. Checked by the daemon, which also reads its
// configuration file; defaults are written there.

import { Flags } from '@oclif/core'

const port = (summary: string, env: string) =>
  Flags.integer({ summary: `${summary} (0: any free one).`, min: 0, max: 65_535, env, helpValue: 'PORT' })

export const daemonFlags = {
  'data-dir': Flags.string({
    summary: 'Folder for everything that is kept; one of your own data folders by default.',
    env: 'EHUB_DATA_DIR',
    helpValue: 'DIR',
  }),
  config: Flags.string({
    summary: 'Configuration file: JSON, the flags below without dashes as keys of an object "daemon".',
    env: 'EHUB_CONFIG',
    helpValue: 'FILE',
  }),
  ephemeral: Flags.boolean({ summary: 'Keep nothing: everything is gone when the daemon ends.' }),
  durability: Flags.string({
    summary: 'When an event counts as stored: on disk (sync, the default), with the system (os), in memory.',
    options: ['sync', 'os', 'memory'],
    env: 'EHUB_DURABILITY',
    helpValue: 'MODE',
  }),
  tier: Flags.string({
    summary: "Limits of which of the service's tiers apply; standard by default.",
    options: ['basic', 'standard', 'premium', 'unlimited'],
    env: 'EHUB_TIER',
    helpValue: 'TIER',
  }),
  clock: Flags.string({
    summary: 'adjustable: ehub clock moves the time that events, retention, Capture and tokens go by. For tests.',
    options: ['system', 'adjustable'],
    env: 'EHUB_CLOCK',
    helpValue: 'system|adjustable',
  }),
  bind: Flags.string({
    summary: 'Address to listen on; this machine only by default, 0.0.0.0 for every network.',
    env: 'EHUB_BIND',
    helpValue: 'ADDRESS',
  }),
  tls: Flags.string({
    summary: 'auto: certificates of a local authority, made once; off: no port with TLS.',
    options: ['auto', 'off'],
    env: 'EHUB_TLS',
    helpValue: 'auto|off',
  }),
  'amqp-port': port('Port for AMQP, 5672 by default', 'EHUB_AMQP_PORT'),
  'amqps-port': port('Port for AMQP over TLS, 5671 by default', 'EHUB_AMQPS_PORT'),
  'https-port': port('Port for HTTPS with AMQP over WebSockets, 8443 by default', 'EHUB_HTTPS_PORT'),
  'blob-port': port('Port where processors keep checkpoints in blobs, 10000 by default', 'EHUB_BLOB_PORT'),
  'health-port': port('Port for health and metrics over HTTP, 5300 by default', 'EHUB_HEALTH_PORT'),
  hub: Flags.string({
    summary: 'Hub to make at start unless it exists; may be repeated.',
    multiple: true,
    helpValue: 'NAME[:PARTITIONS]',
  }),
  'lag-interval': Flags.string({
    summary: 'How often the consumer groups are looked at for lag; 1s by default.',
    env: 'EHUB_LAG_INTERVAL',
    helpValue: 'DUR',
  }),
  'log-level': Flags.string({
    summary: 'Least level that is logged; info by default.',
    options: ['debug', 'info', 'warn', 'error'],
    env: 'EHUB_LOG',
    helpValue: 'LEVEL',
  }),
}
