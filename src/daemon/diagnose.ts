// What `ehub doctor` asks a running daemon: everything that can be wrong with it without any command failing yet. Each finding
// names the thing, the number and the way out. Pure in what it is given; the daemon hands it its parts.

import { X509Certificate } from 'node:crypto'
import { formatDuration } from '../base/duration.ts'
import type { CaptureReply } from '../wire/control/capture-contract.ts'
import type { FindingReply, StatusReply } from '../wire/control/contract.ts'
import { measureLag } from '../wire/lag/lag.ts'
import { captureFindings } from './diagnose-capture.ts'
import type { Broker, Caller } from './broker/broker-api.ts'
import type { DiskSpace } from './storage/disk.ts'
import type { EngineStatus } from './storage/storage-engine.ts'

export interface Patient {
  readonly broker: Broker
  readonly caller: Caller
  readonly status: StatusReply
  readonly engine: EngineStatus
  /** null: nothing is kept on a disk. */
  readonly space: DiskSpace | null
  /** PEM of the server's certificate; null without TLS. */
  readonly certificate: string | null
  /** Hubs whose Capture is on. */
  readonly capture: readonly CaptureReply[]
  readonly nowMs: number
}

const readersMax = 5
const dayMs = 86_400_000
const certificateWarnDays = 30
const spaceWarnShare = 0.1

/** Findings in a fixed order; `ok` ones too, so that one sees what was looked at. */
export function diagnose(patient: Patient): readonly FindingReply[] {
  return [
    ...ports(patient),
    certificate(patient),
    disk(patient),
    storage(patient),
    ...damage(patient),
    clock(patient),
    retention(patient),
    ...readerSlots(patient),
    ...checkpoints(patient),
    ...captureFindings(patient.capture, patient.nowMs),
  ]
}

const ok = (check: string, detail: string): FindingReply => ({ check, level: 'ok', detail, fix: null })

function ports({ status }: Patient): readonly FindingReply[] {
  if (status.warnings.length === 0) return [ok('ports', 'every port is open')]
  return status.warnings.map((detail) => ({
    check: 'ports',
    level: 'warning',
    detail,
    fix: 'end what holds the port, or give another one, then: ehub daemon restart',
  }))
}

function certificate({ certificate: pem, nowMs }: Patient): FindingReply {
  if (pem === null) return ok('tls', 'TLS is off')
  const { validTo } = new X509Certificate(pem)
  const days = Math.floor((Date.parse(validTo) - nowMs) / dayMs)
  if (days >= certificateWarnDays) return ok('tls', `the certificate is valid for ${days} more days`)
  return {
    check: 'tls',
    level: days < 0 ? 'error' : 'warning',
    detail: days < 0 ? `the certificate ended ${-days} days ago` : `the certificate ends in ${days} days`,
    fix: 'ehub daemon restart makes a new one from the same authority',
  }
}

function disk({ space, engine }: Patient): FindingReply {
  if (space === null) return ok('disk', 'nothing is kept on a disk')
  const share = space.totalBytes === 0 ? 1 : space.freeBytes / space.totalBytes
  const free = `${megabytes(space.freeBytes)} free, ${Math.round(share * 100)} %`
  const marks = engine.space
  const refused = marks === null ? '' : `; events are refused below ${megabytes(marks.lowWaterBytes)}`
  const reserve = marks === null ? '' : `, ${megabytes(marks.reserveBytes)} are kept in reserve`
  const detail = `${free}${refused}${reserve}`
  const isRoomy = share >= spaceWarnShare && space.freeBytes >= 2 * (marks?.lowWaterBytes ?? 0)
  if (isRoomy) return ok('disk', detail)
  const fix = 'free space, shorten a retention (ehub update-hub HUB --retention 1d), or delete hubs no longer needed'
  return { check: 'disk', level: 'warning', detail, fix }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`
}

function storage({ engine }: Patient): FindingReply {
  const [first] = engine.failed
  if (engine.refusing === null && first !== undefined) {
    const { group, partition } = first.id
    const count = engine.failed.length === 1 ? '1 log takes' : `${engine.failed.length} logs take`
    return {
      check: 'storage',
      level: 'error',
      detail: `${count} no events after a failed write or sync, first ${group}/${partition}: ${first.reason}`,
      fix: 'check the disk, then: ehub daemon restart',
    }
  }
  if (engine.refusing === null) return ok('storage', `${engine.openLogs} logs take events`)
  return {
    check: 'storage',
    level: 'error',
    detail: `events are refused: ${engine.refusing}`,
    fix: 'free space on the disk; after a failed write or sync check the disk, then: ehub daemon restart',
  }
}

function damage({ broker, caller }: Patient): readonly FindingReply[] {
  const found: FindingReply[] = []
  for (const { name, partitionCount } of broker.listHubs(caller)) {
    for (let partition = 0; partition < partitionCount; partition++) {
      for (const { from, to, detail } of broker.damageOf(caller, name, partition)) {
        found.push({
          check: 'damage',
          level: 'error',
          detail: `hub "${name}" partition ${partition}: events ${from} to ${to - 1} cannot be read (${detail})`,
          fix: `everything else is readable; readers go on with: ehub receive ${name} -p ${partition} --from seq:${to}`,
        })
      }
    }
  }
  return found.length === 0 ? [ok('damage', 'none is known; ehub verify reads everything')] : found
}

function clock({ broker, caller, nowMs }: Patient): FindingReply {
  let newestMs = 0
  for (const { name, partitionCount } of broker.listHubs(caller)) {
    for (let partition = 0; partition < partitionCount; partition++) {
      const { lastEnqueuedTimeMs } = broker.describePartition(caller, name, String(partition))
      newestMs = Math.max(newestMs, lastEnqueuedTimeMs ?? 0)
    }
  }
  if (newestMs <= nowMs + 1000) return ok('clock', 'not behind what is stored')
  return {
    check: 'clock',
    level: 'warning',
    detail: `the clock is ${Math.round((newestMs - nowMs) / 1000)} s behind the newest event: new events keep that event's time until it is passed`,
    fix: 'set the clock of this machine',
  }
}

function retention({ broker, caller }: Patient): FindingReply {
  const { doubt, failures, hubs } = broker.retention.status(caller)
  if (doubt !== null) {
    const ahead = formatDuration(doubt.aheadMs)
    return {
      check: 'retention',
      level: 'warning',
      detail: `the clock is ${ahead} ahead of what is believed: it is followed in ${formatDuration(doubt.waitsMs)}, until then little expires`,
      fix: 'set the clock when it is wrong; when it is right, wait, or: ehub expire HUB --trust-clock',
    }
  }
  if (failures > 0) {
    const detail = `${failures} tries to delete expired events failed since the start; they are tried again`
    return { check: 'retention', level: 'warning', detail, fix: 'ehub daemon logs --level warn says why' }
  }
  const events = hubs.reduce((sum, hub) => sum + hub.trimmedEvents, 0)
  return ok('retention', `${events.toLocaleString('en-US')} expired events deleted since the start`)
}

/** A sixth reader would be refused: said before it happens. */
function readerSlots({ broker, caller }: Patient): readonly FindingReply[] {
  const readers = new Map<string, number>()
  for (const { hub, group, partition, ownerLevel } of broker.listReceivers(caller, null)) {
    if (ownerLevel !== null) continue
    const key = `hub "${hub}" group "${group}" partition ${partition}`
    readers.set(key, (readers.get(key) ?? 0) + 1)
  }
  const full = [...readers].filter(([, count]) => count >= readersMax)
  if (full.length === 0) return [ok('readers', 'every partition has a free reader slot')]
  return full.map(([key, count]) => ({
    check: 'readers',
    level: 'warning',
    detail: `${key} has ${count} of ${readersMax} readers: the next one is refused`,
    fix: 'ehub list-receivers shows them, --kick ends one; or read in a group of its own',
  }))
}

function checkpoints({ broker, caller, nowMs }: Patient): readonly FindingReply[] {
  const found: FindingReply[] = []
  for (const hub of broker.listHubs(caller)) {
    for (const group of hub.groups) {
      for (const checkpoint of broker.checkpoints(caller, hub.name, group)) {
        const part = broker.describePartition(caller, hub.name, String(checkpoint.partition))
        const { lost } = measureLag({
          atMs: nowMs,
          firstSequence: part.beginSequence,
          lastSequence: part.lastSequence,
          checkpoint,
          isReadable: true,
        })
        const where = `hub "${hub.name}" group "${group}" partition ${checkpoint.partition}`
        const fix = `ehub checkpoint ${hub.name} -g '${group}' -p ${checkpoint.partition} --to beginning`
        if (checkpoint.sequence > part.lastSequence) {
          const detail = `${where}: the checkpoint ${checkpoint.sequence} lies beyond the last event ${part.lastSequence}`
          found.push({ check: 'checkpoints', level: 'error', detail, fix })
        } else if (lost > 0) {
          found.push({
            check: 'checkpoints',
            level: 'warning',
            detail: `${where}: ${lost} events were removed unread`,
            fix,
          })
        }
      }
    }
  }
  return found.length === 0 ? [ok('checkpoints', 'all within what is stored')] : found
}
