// A daemon's state as people read it.

import { formatBytes } from '../base/bytes-text.ts'
import { formatDuration } from '../base/duration.ts'
import type { StatusReply } from '../wire/control/contract.ts'
import type { Cell } from './output.ts'

/** Name and value of each line of `daemon status`. */
export function statusPairs(status: StatusReply, nowMs: number): (readonly [string, Cell])[] {
  return [
    ['pid', status.pid],
    ['version', status.version],
    ['uptime', formatDuration(nowMs - status.startedAtMs)],
    ['data', status.dataFolder ?? 'nowhere (ephemeral)'],
    ['durability', status.durability],
    ['tier', status.tier],
    ...portPairs(status),
    ['hubs', status.hubs],
    ['connections', status.connections],
    ['memory', formatBytes(status.rssBytes)],
    ['stored', formatBytes(status.storedBytes)],
    ['ca', status.caFile],
    ['log', status.logFile],
    ...status.warnings.map((warning): [string, Cell] => ['warning', warning]),
  ]
}

/** One pair for each port that is open, and those that are not. */
export function portPairs({ bind, ports }: StatusReply): (readonly [string, Cell])[] {
  const host = bind.includes(':') ? `[${bind}]` : bind
  const address = (port: number | null) => (port === null ? null : `${host}:${port}`)
  return [
    ['amqp', address(ports.amqp)],
    ['amqps', address(ports.amqps)],
    ['https', address(ports.https)],
    ['blob', address(ports.blob)],
    ['health', address(ports.health)],
  ]
}
