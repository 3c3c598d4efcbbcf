// Who may read one partition in one consumer group beside whom: pure rules. An owner level (Event Hubs' "epoch") makes a
// receiver exclusive; an equal or higher one displaces, a lower one is refused; without levels five may share. The sentences are
// the service's, since SDKs and people know them. How long a level counts: as long as its receiver lives.

import { EhubError } from '../../base/error.ts'
import { receiversMax } from './tiers.ts'

export interface Contender {
  /** null shows as `nil`. */
  readonly name: string | null
  /** null: shared. */
  readonly ownerLevel: number | null
}

export type Admission<T> = { readonly displaced: readonly T[] } | { readonly refusal: EhubError }

/** Whether the newcomer may attach and whom it displaces; `present` are all receivers of the partition in the group. */
export function admit<T extends Contender>(present: readonly T[], newcomer: Contender): Admission<T> {
  const holder = present.find(({ ownerLevel }) => ownerLevel !== null)
  if (newcomer.ownerLevel === null) {
    if (holder !== undefined) return { refusal: ownerLevelRequired(holder) }
    if (present.length >= receiversMax) return { refusal: tooMany(present) }
    return { displaced: [] }
  }
  if (holder !== undefined && (holder.ownerLevel ?? 0) > newcomer.ownerLevel) {
    return { refusal: ownerLevelLower(holder, newcomer) }
  }
  return { displaced: present }
}

/** What the displaced receiver is told. */
export function stolen(displaced: Contender, by: Contender): EhubError {
  return new EhubError(
    'receiver-stolen',
    `New receiver '${shown(by)}' with higher epoch of '${level(by)}' is created hence current receiver ` +
      `'${shown(displaced)}' with epoch '${level(displaced)}' is getting disconnected. ` +
      'If you are recreating the receiver, make sure a higher epoch is used',
  )
}

function ownerLevelRequired(holder: Contender): EhubError {
  return new EhubError(
    'owner-level-required',
    `At least one receiver for the endpoint is created with epoch of '${level(holder)}', and so non-epoch receiver is not ` +
      'allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected',
  )
}

function ownerLevelLower(holder: Contender, newcomer: Contender): EhubError {
  return new EhubError(
    'owner-level-lower',
    `Receiver '${shown(holder)}' with a higher epoch '${level(holder)}' already exists. ` +
      `Receiver '${shown(newcomer)}' with epoch ${level(newcomer)} cannot be created. ` +
      'Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch ' +
      'receivers are closed or disconnected',
  )
}

function tooMany(present: readonly Contender[]): EhubError {
  return new EhubError(
    'receiver-limit',
    `Exceeded the maximum number of allowed receivers per partition in a consumer group which is ${receiversMax}. ` +
      `List of connected receivers - ${present.map(shown).join(', ')}`,
  )
}

const nameLengthMax = 100

function shown({ name }: Contender): string {
  return name === null || name === '' ? 'nil' : name.slice(0, nameLengthMax)
}

function level({ ownerLevel }: Contender): string {
  return ownerLevel === null ? '' : String(ownerLevel)
}
