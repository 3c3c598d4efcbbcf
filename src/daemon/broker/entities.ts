// Hubs, consumer groups and rules: describing them from the durable state, changing them through the journal.

import type { Log } from '../../base/log.ts'
import type { Durability, StorageEngine } from '../storage/storage-engine.ts'
import type { AuthorizationRule, Caller, CreateHub, HubChange, HubDescription } from './broker-api.ts'
import { checkRight } from './callers.ts'
import {
  createGroup,
  createHub,
  deleteGroup,
  deleteHub,
  groupNamed,
  hubNamed,
  hubRemoved,
  namesOf,
  namespaceNamed,
  updateHub,
} from './commands.ts'
import { hubDeleted } from './error-texts.ts'
import { EhubError } from '../../base/error.ts'
import type { OpenHub } from './open-hub.ts'
import type { OpenHubs } from './open-hubs.ts'
import { groupPath, hubPath, managementPath, namespacePath } from './paths.ts'
import type { Receivers } from './receivers.ts'
import type { HubState } from './state.ts'
import { type StateJournal, stateLogId } from './state-journal.ts'
import type { TierLimits } from './tiers.ts'

export interface EntitiesInput {
  readonly engine: StorageEngine
  readonly journal: StateJournal
  readonly hubs: OpenHubs
  readonly receivers: Receivers
  readonly lines: Log
  readonly limits: TierLimits
  readonly durability: Durability
  /** As `Retention.changeTo`. */
  readonly changeRetention: <T>(hub: OpenHub, retentionMs: number | null, change: () => Promise<T>) => Promise<T>
}

export class Entities {
  readonly #input: EntitiesInput
  /** Highest number of a folder found on disk, so that a new hub never gets an old folder. */
  #numberAbove = 0

  constructor(input: EntitiesInput) {
    this.#input = input
  }

  /** Finishes removals that were cut short, then opens every hub. */
  async start(): Promise<void> {
    const { engine, journal, hubs, lines } = this.#input
    for (const [number, folder] of [...journal.state.removing]) await this.#remove(number, folder)
    const known = new Set([...journal.state.hubsByNumber.values()].map(({ folder }) => folder))
    const strangers = new Set<string>()
    for (const { group } of await engine.listLogs()) {
      this.#numberAbove = Math.max(this.#numberAbove, Number(/^ns[0-9]+\/h([0-9]+)$/.exec(group)?.[1] ?? 0))
      if (group !== stateLogId.group && !known.has(group)) strangers.add(group)
    }
    // Never deleted by us: we did not note that they may go.
    for (const folder of strangers) lines.warn('logs of no known hub are left alone', { folder })
    for (const hub of journal.state.hubsByNumber.values()) await hubs.open(hub)
  }

  describeHub(caller: Caller, name: string): HubDescription {
    checkRight(caller, 'any', managementPath(name))
    return this.#describe(this.find(caller.namespace, name))
  }

  /** In order of name; those the caller may read. */
  listHubs(caller: Caller): readonly HubDescription[] {
    const { journal, hubs } = this.#input
    const readable = [...namespaceNamed(journal.state, caller.namespace).hubs.values()].filter(
      (hub) => hubs.isOpen(hub) && mayRead(caller, hub.name),
    )
    return readable.sort((one, other) => (one.name < other.name ? -1 : 1)).map((hub) => this.#describe(hub))
  }

  async createHub(caller: Caller, command: CreateHub): Promise<HubDescription> {
    checkRight(caller, 'manage', hubPath(command.name))
    const { journal, hubs, limits, durability } = this.#input
    const { namespace } = caller
    const { number } = await journal.run(
      createHub({
        ...command,
        namespace,
        durabilityDefault: durability,
        limits,
        numberAbove: this.#numberAbove,
      }),
    )
    const hub = journal.state.hubsByNumber.get(number)
    if (hub === undefined) throw hubDeleted(namespace, command.name)
    await hubs.open(hub)
    return this.#describe(hub)
  }

  async updateHub(caller: Caller, name: string, change: HubChange): Promise<HubDescription> {
    checkRight(caller, 'manage', hubPath(name))
    const { journal, hubs, limits } = this.#input
    const command = updateHub({ namespace: caller.namespace, name, change, limits })
    const hub = this.find(caller.namespace, name)
    // Refused before anything is made or removed for it, and again by the journal, when it comes to it.
    const { retentionMs } = command(journal.state, 0).reply
    const commit = () => this.#input.changeRetention(hubs.get(hub), retentionMs, () => journal.run(command))
    if (change.partitionCount === undefined) await commit()
    else await hubs.grow(hub, change.partitionCount, commit)
    if (!hubs.isOpen(hub)) throw hubDeleted(caller.namespace, name)
    return this.#describe(hub)
  }

  async deleteHub(caller: Caller, name: string): Promise<void> {
    checkRight(caller, 'manage', hubPath(name))
    const { journal, hubs, receivers } = this.#input
    const { number, folder } = await journal.run(deleteHub(caller.namespace, name))
    const reason = hubDeleted(caller.namespace, name)
    receivers.detachHub(number, reason)
    const open = await hubs.forget(number)
    open?.detachPublishers(reason)
    await this.#remove(number, folder)
  }

  async createGroup(caller: Caller, hub: string, group: string, ifNotExists: boolean): Promise<void> {
    checkRight(caller, 'manage', groupPath(hub, group))
    const { groupsMax } = this.#input.limits
    await this.#input.journal.run(createGroup({ namespace: caller.namespace, hub, group, ifNotExists, groupsMax }))
  }

  async deleteGroup(caller: Caller, hub: string, group: string): Promise<void> {
    checkRight(caller, 'manage', groupPath(hub, group))
    const { journal, receivers } = this.#input
    const deleted = await journal.run(deleteGroup(caller.namespace, hub, group))
    const { number, name } = deleted.hub
    receivers.detachHub(
      number,
      new EhubError('group-not-found', `consumer group "${group}" of hub "${name}" was deleted`),
      group,
    )
  }

  listRules(caller: Caller): readonly AuthorizationRule[] {
    checkRight(caller, 'manage', namespacePath)
    return [...namespaceNamed(this.#input.journal.state, caller.namespace).rules.values()]
  }

  /** @throws EhubError `hub-not-found`, `server-busy` while it is being made. */
  find(namespace: string, name: string): HubState {
    const hub = hubNamed(this.#input.journal.state, namespace, name)
    this.#input.hubs.get(hub)
    return hub
  }

  /** Canonical name. @throws EhubError `group-not-found`. */
  groupName(hub: HubState, group: string): string {
    return groupNamed(hub, group).name
  }

  #describe(hub: HubState): HubDescription {
    const { name, folder, createdAtMs, durability, settings, groups } = hub
    // Of what is open: a partition that is counted can be used.
    const partitionCount = this.#input.hubs.get(hub).partitions.length
    return { name, id: folder, createdAtMs, partitionCount, durability, ...settings, groups: namesOf(groups) }
  }

  async #remove(number: number, folder: string): Promise<void> {
    const { engine, journal, lines } = this.#input
    try {
      await engine.deleteGroup(folder)
      await journal.run(hubRemoved(number))
    } catch (error) {
      // The hub is gone for everybody; its files are tried again at the next start.
      lines.warn('logs of a deleted hub could not be removed', { folder, error })
    }
  }
}

function mayRead(caller: Caller, hub: string): boolean {
  const path = managementPath(hub)
  return caller.can('listen', path) || caller.can('send', path) || caller.can('manage', path)
}
