// The running model: state, the actions that move it, and the effects carried out against a source. No terminal here: tests
// drive it with a fake source and a simulated clock.

import { isEhubError } from '../base/error.ts'
import type { Clock, Timer } from '../base/clock.ts'
import type { Effect } from './effects.ts'
import type { TopSource } from './source.ts'
import type { TopState } from './state.ts'
import { type Action, update } from './update.ts'

/** Newest events shown in the events pane. */
const eventsShown = 200

export interface Outside {
  quit(): void
  suspend(): void
  copy(text: string): void
  /** Saves the screen as it is. @returns Where, in one line. */
  save(): Promise<string>
  /** Called with every fresh sample, for `--record`. */
  recorded?(state: TopState): void
}

export class TopStore {
  #state: TopState
  readonly #source: TopSource
  readonly #clock: Clock
  readonly #outside: Outside
  readonly #listeners = new Set<() => void>()
  #timer: Timer | null = null
  #isSampling = false
  #isClosed = false
  // An answer to a question asked before the last one of its kind is out of date.
  readonly #asked = new Map<Effect['kind'], number>()

  constructor(options: {
    readonly state: TopState
    readonly source: TopSource
    readonly clock: Clock
    readonly outside: Outside
  }) {
    this.#state = options.state
    this.#source = options.source
    this.#clock = options.clock
    this.#outside = options.outside
  }

  get state(): TopState {
    return this.#state
  }

  /** @returns Stops listening. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Takes the first sample; resolves once it is on the screen or its failure is. */
  async start(): Promise<void> {
    await this.#sample()
  }

  stop(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#listeners.clear()
  }

  dispatch(action: Action): void {
    if (this.#isClosed) return
    const { state, effects } = update(this.#state, action)
    this.#state = state
    for (const listener of this.#listeners) listener()
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'quit':
        return this.#outside.quit()
      case 'suspend':
        return this.#outside.suspend()
      case 'copy':
        return this.#outside.copy(effect.text)
      case 'sample':
        this.#timer?.cancel()
        void this.#sample()
        return
      default:
        void this.#answer(effect)
    }
  }

  async #answer(effect: Exclude<Effect, { kind: 'quit' | 'suspend' | 'copy' | 'sample' }>): Promise<void> {
    const number = (this.#asked.get(effect.kind) ?? 0) + 1
    this.#asked.set(effect.kind, number)
    try {
      const action = await this.#ask(effect)
      if (this.#asked.get(effect.kind) === number) this.dispatch(action)
    } catch (error) {
      if (!isEhubError(error)) throw error
      this.dispatch(
        effect.kind === 'preview'
          ? { kind: 'previewed', text: effect.text, preview: error.message, isRefused: true }
          : { kind: 'said', message: error.message },
      )
    }
  }

  async #ask(effect: Exclude<Effect, { kind: 'quit' | 'suspend' | 'copy' | 'sample' }>): Promise<Action> {
    switch (effect.kind) {
      case 'save':
        return { kind: 'said', message: await this.#outside.save() }
      case 'loadEvents':
        return { kind: 'eventsLoaded', events: await this.#source.events(effect, eventsShown) }
      case 'loadReaders':
        return { kind: 'readersLoaded', readers: await this.#source.readers(effect.hub) }
      case 'loadHistory':
        return { kind: 'historyLoaded', samples: await this.#source.history(effect, effect.spanMs) }
      case 'loadNext':
        return { kind: 'nextEventLoaded', text: await this.#source.nextEvent(effect) }
      case 'preview': {
        const { text, isRefused } = await this.#source.preview(effect, effect.text)
        return { kind: 'previewed', text: effect.text, preview: text, isRefused }
      }
      case 'setCheckpoint':
        return { kind: 'said', message: await this.#source.setCheckpoint(effect, effect.text) }
      case 'kick':
        return { kind: 'said', message: await this.#source.kick(effect.id) }
    }
  }

  /** One sample, then the next after the interval: a slow source is asked less often, never twice at a time. */
  async #sample(): Promise<void> {
    if (this.#isSampling || this.#isClosed) return
    this.#isSampling = true
    try {
      if (!this.#state.isPaused) {
        const snapshot = await this.#source.sample()
        this.dispatch({ kind: 'sampled', snapshot })
        this.#outside.recorded?.(this.#state)
      }
    } catch (error) {
      if (!isEhubError(error)) throw error
      this.dispatch({ kind: 'sourceFailed', reason: error.message })
    } finally {
      this.#isSampling = false
    }
    if (!this.#isClosed) this.#timer = this.#clock.schedule(this.#state.intervalMs, () => void this.#sample())
  }
}
