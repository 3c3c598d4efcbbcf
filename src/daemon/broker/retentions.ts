// Retention for those who ask (promises: `broker-api.ts`).

import type { Caller, Retentions } from './broker-api.ts'
import { checkRight } from './callers.ts'
import type { InProgress } from './in-progress.ts'
import type { Janitor } from './janitor.ts'
import type { OpenHub } from './open-hub.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { Partition } from './partition.ts'
import { hubPath, managementPath, namespacePath } from './paths.ts'
import { outOfRange } from './positions.ts'
import type { Retention } from './retention.ts'
import type { RetentionStatus, TrimReport } from './retentions-api.ts'
import type { HubState } from './state.ts'
import type { TrustedTime } from './trusted-time.ts'

export interface RetentionsInput {
  readonly retention: Retention
  readonly janitor: Janitor
  readonly time: TrustedTime
  readonly hubs: OpenHubs
  readonly inProgress: InProgress
  /** @throws EhubError `hub-not-found`, `server-busy`. */
  readonly find: (namespace: string, hub: string) => HubState
}

/** Partitions looked at side by side: enough to keep a disk busy. */
const lookingMax = 32

export class HubRetentions implements Retentions {
  readonly #input: RetentionsInput

  constructor(input: RetentionsInput) {
    this.#input = input
  }

  expire(caller: Caller, name: string, isClockRight: boolean): Promise<readonly TrimReport[]> {
    checkRight(caller, 'manage', hubPath(name))
    const { retention, janitor, time, inProgress } = this.#input
    const hub = this.#open(caller, name)
    if (isClockRight) time.confirm()
    return inProgress.run(async () => {
      const reports: TrimReport[] = []
      for (const partition of hub.partitions) {
        reports.push(await janitor.exclusively(partition, () => retention.expire(hub, partition)))
      }
      return reports
    })
  }

  purge(caller: Caller, name: string, index: number, sequence: number): Promise<TrimReport> {
    checkRight(caller, 'manage', hubPath(name))
    const { retention, janitor, inProgress } = this.#input
    const hub = this.#open(caller, name)
    const partition = hub.partitionOfText(String(index))
    const { end } = partition.log
    if (!Number.isSafeInteger(sequence) || sequence < 0 || sequence > end.sequence) {
      throw outOfRange('sequence number', sequence, end.sequence - 1)
    }
    return inProgress.run(() => janitor.exclusively(partition, () => retention.trim(hub, partition, sequence)))
  }

  async look(caller: Caller, name: string | null, text: string | null): Promise<void> {
    const { hubs } = this.#input
    if (name === null) checkRight(caller, 'manage', namespacePath)
    else checkRight(caller, 'any', managementPath(name))
    const places = name === null ? hubs.all() : [this.#open(caller, name)]
    const inexact: Partition[] = []
    for (const hub of places) {
      for (const partition of text === null ? hub.partitions : [hub.partitionOfText(text)]) {
        if (!partition.retained.isExact) inexact.push(partition)
      }
    }
    for (let first = 0; first < inexact.length; first += lookingMax) {
      await Promise.all(inexact.slice(first, first + lookingMax).map(({ retained }) => retained.look()))
    }
  }

  status(caller: Caller): RetentionStatus {
    checkRight(caller, 'manage', namespacePath)
    const { retention, janitor, time, hubs } = this.#input
    return {
      doubt: time.doubt,
      ...janitor.statusOf(retention),
      hubs: hubs.all().map((hub) => {
        const { events = 0, bytes = 0 } = retention.trimmed.get(hub.number) ?? {}
        return { hub: hub.name, trimmedEvents: events, trimmedBytes: bytes }
      }),
    }
  }

  #open(caller: Caller, name: string): OpenHub {
    return this.#input.hubs.get(this.#input.find(caller.namespace, name))
  }
}
