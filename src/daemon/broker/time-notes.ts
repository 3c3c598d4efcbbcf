// Keeps the time that is believed durable, so that a clock that jumped is still doubted after a restart.

import type { Clock, Timer } from '../../base/clock.ts'
import { isEhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { noteTime } from './commands.ts'
import type { OpenHubs } from './open-hubs.ts'
import type { StateJournal } from './state-journal.ts'
import type { TrustedTime } from './trusted-time.ts'

export interface TimeNotesInput {
  readonly clock: Clock
  readonly lines: Log
  readonly journal: StateJournal
  readonly hubs: OpenHubs
  readonly time: TrustedTime
}

/** The time is noted soon after the first hub is there that asks for it, and then so often: what a crash may take of it, `TrustedTime.start` allows for. */
const firstNoteMs = 1000
const noteEveryMs = 300_000
/** The time of a note may be this old without a new one being worth it. */
const staleMs = 1000

export class TimeNotes {
  readonly #input: TimeNotesInput
  #timer: Timer | null = null
  #noting: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(input: TimeNotesInput) {
    this.#input = input
  }

  /**
   * Time begins where it was believed last.
   * @param stateTimeMs Unix milliseconds of the newest state record before this start; 0: none.
   */
  start(stateTimeMs: number): void {
    const { journal, time } = this.#input
    time.start(journal.state.believedMs ?? this.#newestStored(stateTimeMs))
    this.#noteIn(firstNoteMs)
  }

  /** Resolves when the time is noted. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#timer = null
    await this.#noting
    await this.#note()
  }

  /** Of folders in which no time was ever noted. */
  #newestStored(stateTimeMs: number): number | null {
    let newestMs = stateTimeMs
    for (const { partitions } of this.#input.hubs.all()) {
      for (const { log } of partitions) newestMs = Math.max(newestMs, log.lastEnqueuedTimeMs ?? 0)
    }
    return newestMs === 0 ? null : newestMs
  }

  /** The next follows when this one is through: a clock that leaps over hours is noted once. */
  #noteIn(ms: number): void {
    this.#timer = this.#input.clock.schedule(ms, () => {
      this.#noting = this.#note().then(() => {
        if (this.#isStopped) return
        this.#noteIn(this.#input.journal.state.believedMs === null ? firstNoteMs : noteEveryMs)
      })
    })
  }

  async #note(): Promise<void> {
    const { journal, hubs, lines, time } = this.#input
    // Where nothing expires nobody asks what time it is.
    if (!hubs.all().some(({ state }) => state.settings.retentionMs !== null)) return
    const timeMs = time.now()
    if (Math.abs(timeMs - (journal.state.believedMs ?? 0)) < staleMs) return
    try {
      await journal.run(noteTime(timeMs))
    } catch (error) {
      if (!isEhubError(error)) throw error
      lines.warn('the time could not be noted', { code: error.code, reason: error.message })
    }
  }
}
