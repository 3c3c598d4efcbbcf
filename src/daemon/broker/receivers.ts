// All receivers of a broker: who reads which partition in which group, by the rules of `owner-levels.ts`. Displacing happens inside
// `open`: when it returns, nobody with a lower owner level is given anything any more (promise of epoch exclusivity).

import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import { entityKey } from '../../wire/entity-names.ts'
import type { ReceiverOptions } from './broker-api.ts'
import { BrokerFigures } from './figures.ts'
import { admit, stolen } from './owner-levels.ts'
import type { Partition } from './partition.ts'
import { placePosition } from './positions.ts'
import { PartitionReceiver } from './receiver.ts'
import type { HubState } from './state.ts'

export interface OpenReceiver {
  readonly hub: HubState
  /** Canonical name. */
  readonly group: string
  readonly partition: Partition
  readonly options: ReceiverOptions
  /** Why the caller may not listen here at present, null when it may. */
  readonly mayListen: () => EhubError | null
  readonly onGone: () => void
}

interface Place {
  readonly hubNumber: number
  readonly groupKey: string
  readonly receivers: PartitionReceiver[]
}

export class Receivers {
  readonly #clock: Clock
  readonly #byId = new Map<number, PartitionReceiver>()
  /** By hub number, group key and partition. */
  readonly #places = new Map<string, Place>()
  #lastId = 0

  readonly figures = new BrokerFigures()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @throws EhubError `receiver-limit`, `owner-level-lower`, `owner-level-required`, `position-out-of-range`, `argument-error`;
   *   nobody is displaced then.
   */
  open({ hub, group, partition, options, mayListen, onGone }: OpenReceiver): PartitionReceiver {
    const { ownerLevel } = options
    if (ownerLevel !== null && (!Number.isSafeInteger(ownerLevel) || ownerLevel < 0)) {
      throw new EhubError(
        'argument-out-of-range',
        `${ownerLevel} is no owner level: it must be an integer of 0 or more`,
      )
    }
    const placement = placePosition(options.position, partition.ends())
    const groupKey = entityKey(group)
    const key = `${hub.number}/${partition.index}/${groupKey}`
    const place = this.#places.get(key) ?? { hubNumber: hub.number, groupKey, receivers: [] }
    const admission = admit(place.receivers, options)
    if ('refusal' in admission) throw admission.refusal
    this.#places.set(key, place)
    this.#lastId += 1
    const receiver = new PartitionReceiver({
      id: this.#lastId,
      hub: hub.name,
      group,
      partition,
      placement,
      options,
      delivered: this.figures.deliveredTo(hub.name, group, partition.index),
      openedAtMs: this.#clock.now(),
      now: () => this.#clock.now(),
      mayListen,
      onGone: (gone) => {
        this.#byId.delete(gone.id)
        place.receivers.splice(place.receivers.indexOf(gone), 1)
        if (place.receivers.length === 0 && this.#places.get(key) === place) this.#places.delete(key)
        onGone()
      },
    })
    const displaced = [...admission.displaced]
    place.receivers.push(receiver)
    this.#byId.set(receiver.id, receiver)
    for (const other of displaced) other.detach(stolen(other, options))
    return receiver
  }

  /** In the order in which they were opened. */
  ofHub(hubNumber: number): readonly PartitionReceiver[] {
    const places = [...this.#places.values()].filter((place) => place.hubNumber === hubNumber)
    return places.flatMap(({ receivers }) => receivers).sort((one, other) => one.id - other.id)
  }

  get(id: number): PartitionReceiver | undefined {
    return this.#byId.get(id)
  }

  /** Ends every receiver of a hub, or of one of its groups. */
  detachHub(hubNumber: number, reason: EhubError, group?: string): void {
    const groupKey = group === undefined ? null : entityKey(group)
    for (const place of [...this.#places.values()]) {
      if (place.hubNumber !== hubNumber || (groupKey !== null && place.groupKey !== groupKey)) continue
      for (const receiver of [...place.receivers]) receiver.detach(reason)
    }
  }

  detachAll(reason: EhubError): void {
    for (const receiver of [...this.#byId.values()]) receiver.detach(reason)
  }
}
