// Every log the data folder has, open or not: its number in the journal, its last known state, and what is to be done when
// its file failed.

import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { Permits } from '../../base/permits.ts'
import type { Disk } from './disk.ts'
import type { NumberedState } from './journal-files.ts'
import type { LogState } from './journal-format.ts'
import type { HostedLog } from './log-host.ts'
import { logKey } from './paths.ts'
import { journalEnvelopes, Rehome, removeSuperseded } from './rehome.ts'
import { plainEnvelope } from './staged-append.ts'
import { storageError } from './storage-errors.ts'
import type { FailedLog, LogId, Position } from './storage-engine.ts'

export interface KnownLog {
  readonly logNumber: number
  /** Of a closed log; an open one is asked. */
  state: LogState
  /** Where the log ends, as readers saw it; beyond `state.end` when a file failed. */
  end: Position
  log: HostedLog | null
  /** Not opened since the start: what is said of it comes from the run before. */
  isFound: boolean
  /** Everything acknowledged is in the journal until it is synced. */
  isSync: boolean
  /** It goes on in a new segment of which the journal has no row yet. */
  isMoved: boolean
  /** Its newest segment may hold what was refused behind the end: nothing may be added to it. */
  mustMove: boolean
  /** Files behind the segment it was moved to are still to be removed. */
  hasSuperseded: boolean
  repairing: Promise<void>
}

export interface KnownLogsParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly nextGeneration: () => number
  /** Generation of the oldest journal file that holds something not yet synced in the segments. */
  readonly oldestNeeded: () => number
}

// Each reads the journal and writes a file; when a disk fails, all logs may need it at once.
const repairsAtOnce = 2

export class KnownLogs {
  readonly #parts: KnownLogsParts
  readonly #byKey = new Map<string, KnownLog>()
  readonly #repairs = new Permits(repairsAtOnce)
  #nextNumber = 1

  constructor(parts: KnownLogsParts) {
    this.#parts = parts
  }

  get(key: string): KnownLog | undefined {
    return this.#byKey.get(key)
  }

  values(): readonly KnownLog[] {
    return [...this.#byKey.values()]
  }

  ofGroup(group: string): readonly KnownLog[] {
    return this.values().filter(({ state }) => state.id.group === group)
  }

  /** A log the journal told of. */
  add(state: LogState): void {
    const logNumber = this.#nextNumber++
    const found = { ...unopened, isFound: true, logNumber, state }
    this.#byKey.set(logKey(state.id), { ...found, end: state.end, isSync: state.isExact })
  }

  /** The number of a log that is being opened. */
  numberOf(id: LogId): number {
    return this.#byKey.get(logKey(id))?.logNumber ?? this.#nextNumber++
  }

  opened(log: HostedLog): void {
    const { logNumber, state } = log.journalState()
    this.#byKey.set(logKey(log.id), { ...unopened, logNumber, state, end: log.end, isSync: log.isSync, log })
  }

  closed(log: HostedLog): void {
    const known = this.#byKey.get(logKey(log.id))
    if (known?.log !== log) return
    const { state } = log.journalState()
    // A log whose file failed has been given a new segment, of which its handle knows nothing.
    if (!known.isMoved && state.end.sequence >= known.state.end.sequence) known.state = state
    known.end = log.end
    known.log = null
  }

  forget(id: LogId): void {
    this.#byKey.delete(logKey(id))
  }

  failed(): readonly FailedLog[] {
    return this.values().flatMap(({ state, log }) =>
      log === null || log.failure === null ? [] : [{ id: state.id, reason: log.failure.message }],
    )
  }

  /** For the head of a journal file. */
  states(): readonly NumberedState[] {
    return this.values().map(({ logNumber, state, log, isMoved }) => {
      const open = isMoved ? undefined : log?.journalState()
      return open !== undefined && open.state.end.sequence >= state.end.sequence ? open : { logNumber, state }
    })
  }

  /** As `LogHost.rehome`. */
  async rehome(log: HostedLog): Promise<EhubError | null> {
    const known = this.#byKey.get(logKey(log.id))
    if (known?.log !== log && known !== undefined) return this.#tryRepair(known)
    if (known === undefined) return null
    const { state } = log.journalState()
    if (state.end.sequence > known.state.end.sequence) known.state = state
    known.end = log.end
    // Under `sync` a segment never gets what the journal did not commit.
    known.mustMove ||= !log.isSync
    return this.#tryRepair(known, log)
  }

  async #tryRepair(known: KnownLog, log: HostedLog | null = null): Promise<EhubError | null> {
    try {
      await this.repair(known, log)
      return null
    } catch (error) {
      return storageError(`continue ${logKey(known.state.id)} in a new segment`, error)
    }
  }

  /** Nothing to do unless more was acknowledged than is synced. One at a time a log. @throws DiskError, EhubError */
  repair(known: KnownLog, log: HostedLog | null = null): Promise<void> {
    const next = () => this.#repairs.run(() => this.#repairOnce(known, log))
    known.repairing = known.repairing.catch(() => undefined).then(next)
    return known.repairing
  }

  /**
   * Does not wait for the journal, which may be waiting for this. The next journal file says where the log went on; before
   * the log is opened anew, a row of its own does.
   */
  async #repairOnce(known: KnownLog, log: HostedLog | null): Promise<void> {
    await this.#clean(known)
    if (known.end.sequence <= known.state.end.sequence && !known.mustMove) return
    const { id } = known.state
    const { disk, clock, nextGeneration, oldestNeeded, log: operatorLog } = this.#parts
    const generation = nextGeneration()
    const rehome = new Rehome(known.state, { disk, now: clock.now(), generation })
    try {
      if (known.isSync) {
        await journalEnvelopes(disk, id, oldestNeeded(), (envelope) => rehome.add(envelope))
      } else if (log !== null) {
        for (const batch of log.rescued(known.state.end.sequence)) await rehome.add(plainEnvelope(batch))
      } else {
        const lost = `sequences ${known.state.end.sequence} to ${known.end.sequence - 1} of ${logKey(id)}`
        throw new EhubError('storage-failed', `${lost} could not be saved after a failed sync`, {
          hint: 'Check the disk, then restart the daemon: it finds what the disk still has.',
        })
      }
      // Under `sync` nothing acknowledged may be given up: the files stay as they are for the next start to find it.
      if (known.isSync && rehome.endSequence < known.end.sequence) {
        const lost = `sequences ${rehome.endSequence} to ${known.end.sequence - 1} of ${logKey(id)}`
        throw new EhubError('storage-failed', `${lost} are not in the commit journal`, {
          hint: 'Restart the daemon: it reads the whole journal.',
        })
      }
      known.state = { ...(await rehome.finish()), start: log?.start ?? known.state.start }
      operatorLog.warn('a log goes on in a new segment after its file failed', {
        log: logKey(id),
        endSequence: known.state.end.sequence,
        acknowledgedEnd: known.end.sequence,
      })
      // What could not be rescued is gone; there is nothing to try again.
      known.end = known.state.end
      known.isMoved = true
      known.mustMove = false
      known.hasSuperseded = true
    } finally {
      await rehome.close()
    }
    await this.#clean(known)
  }

  /** Also what an attempt before could not finish: a file that comes back would be taken for a part of the log. */
  async #clean(known: KnownLog): Promise<void> {
    if (!known.hasSuperseded) return
    await removeSuperseded(this.#parts.disk, known.state)
    known.hasSuperseded = false
  }
}

const unopened = {
  log: null,
  isFound: false,
  isMoved: false,
  mustMove: false,
  hasSuperseded: false,
  repairing: Promise.resolve(),
}
