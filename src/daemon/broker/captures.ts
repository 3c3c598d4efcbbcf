// Capture as the broker knows it, for its writer (promises: `captures-api.ts`). Reads look at what is durable, writes are commands.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import type { EngineStatus } from '../storage/storage-engine.ts'
import { heldFrom, isSpaceShort } from './capture-hold.ts'
import { disableCapture, enableCapture, noteProgress, nothingCaptured } from './capture-commands.ts'
import type { CaptureSettings } from './capture-settings.ts'
import type { CaptureProgress, CaptureState } from './capture-state.ts'
import type * as api from './captures-api.ts'
import { hubDeleted } from './error-texts.ts'
import type { InProgress } from './in-progress.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { HubState } from './state.ts'
import type { StateJournal } from './state-journal.ts'
import type { Tier } from './tiers.ts'

export interface CapturesInput {
  readonly journal: StateJournal
  readonly hubs: OpenHubs
  readonly inProgress: InProgress
  readonly tier: Tier
  /** Of the engine. */
  readonly status: () => EngineStatus
  /** @throws EhubError `hub-not-found`, `server-busy`. */
  readonly find: (namespace: string, hub: string) => HubState
}

export class HubCaptures implements api.Captures {
  readonly #input: CapturesInput

  constructor(input: CapturesInput) {
    this.#input = input
  }

  list(): readonly api.CapturedHub[] {
    const { captures, hubsByNumber } = this.#input.journal.state
    const found: api.CapturedHub[] = []
    for (const capture of captures.values()) {
      const hub = hubsByNumber.get(capture.hub)
      assert(hub !== undefined, 'a captured hub exists')
      if (capture.isEnabled && this.#input.hubs.isOpen(hub)) found.push(described(capture, hub))
    }
    return found
  }

  find(namespace: string, name: string): api.CapturedHub | null {
    const hub = this.#input.find(namespace, name)
    const capture = this.#input.journal.state.captures.get(hub.number)
    return capture === undefined ? null : described(capture, hub)
  }

  enable(namespace: string, name: string, settings: CaptureSettings): Promise<api.CapturedHub> {
    const { inProgress, journal, hubs, tier } = this.#input
    return inProgress.run(async () => {
      // Service: Capture is not in Basic.
      if (tier === 'basic')
        throw new EhubError('not-allowed', 'the Basic tier has no Capture: start with --tier standard')
      const ends = hubs.get(this.#input.find(namespace, name)).partitions.map(({ log }) => log.end.sequence)
      await journal.run(enableCapture(namespace, name, settings, ends))
      const found = this.find(namespace, name)
      if (found === null) throw hubDeleted(namespace, name)
      return found
    })
  }

  disable(namespace: string, name: string): Promise<void> {
    return this.#input.inProgress.run(async () => {
      await this.#input.journal.run(disableCapture(namespace, name))
    })
  }

  progress(hub: api.CapturedHub, partition: number): CaptureProgress {
    return this.#input.journal.state.captures.get(hub.id)?.progress.get(partition) ?? nothingCaptured
  }

  noteProgress({ id, generation }: api.CapturedHub, partition: number, progress: CaptureProgress): Promise<void> {
    const { inProgress, journal } = this.#input
    return inProgress.run(() => journal.run(noteProgress({ hub: id, generation, partition }, progress)))
  }

  source({ namespace, hub }: api.CapturedHub, partition: number): api.CaptureSource {
    const { hubs, find } = this.#input
    return hubs.get(find(namespace, hub)).partitionOfText(String(partition)).log
  }

  heldFrom(hub: number, partition: number): number | null {
    return heldFrom(this.#input.journal.state, hub, partition, isSpaceShort(this.#input.status()))
  }
}

function described(capture: CaptureState, hub: HubState): api.CapturedHub {
  const { progress: _, hub: id, ...settings } = capture
  const { name, createdAtMs, partitionCount, namespace } = hub
  return { ...settings, id, namespace: namespace.name, hub: name, createdAtMs, partitionCount }
}
