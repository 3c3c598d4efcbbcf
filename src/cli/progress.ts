// How far a long command is: a bar with rate and time left on a terminal, elsewhere one line every ten seconds at most.
// Always on stderr. Nothing is drawn in the first second, so short commands stay quiet.

import type { Clock, Timer } from '../base/clock.ts'
import { formatCount, formatElapsed, formatSize } from '../wire/events/units.ts'
import type { Output } from './output.ts'

export interface ProgressState {
  /** Events done. */
  readonly events: number
  /** Bytes of their bodies. */
  readonly bytes: number
  /** How much of `total` is done. */
  readonly done: number
  /** null: not known. */
  readonly total: number | null
}

export interface ProgressOptions {
  readonly clock: Clock
  readonly output: Output
  /** `sent`, `received`. */
  readonly verb: string
  readonly isOff: boolean
  readonly state: () => ProgressState
}

const firstMs = 1000
const drawMs = 250
const lineMs = 10_000

interface Bar {
  update(done: number, payload: object): void
  start(total: number, done: number, payload: object): void
  stop(): void
}

export class Progress {
  readonly #options: ProgressOptions
  readonly #startedAt: number
  #timer: Timer | null = null
  #bar: Bar | null = null
  #isStopped = false

  constructor(options: ProgressOptions) {
    this.#options = options
    this.#startedAt = options.clock.monotonicMs()
    if (options.isOff || options.output.isQuiet) return
    const isTerminal = options.output.isTalkTerminal
    this.#timer = options.clock.schedule(isTerminal ? firstMs : lineMs, () => {
      if (isTerminal) void this.#startBar()
      else this.#line()
    })
  }

  /** Clears the bar, so that what is said next starts on a line of its own. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#bar?.stop()
    this.#bar = null
  }

  async #startBar(): Promise<void> {
    const { default: cliProgress } = await import('cli-progress')
    if (this.#isStopped) return
    const { total } = this.#options.state()
    const text = '{events} events, {size}, {rate}/s'
    const bar: Bar = new cliProgress.SingleBar(
      {
        stream: process.stderr,
        format: total === null ? `${text}, {elapsed}` : `{bar} {percentage}% ${text}, {left} left`,
        clearOnComplete: true,
        hideCursor: true,
        barsize: 24,
        // Drawn by `update` alone: cli-progress's own timer would keep the process alive.
        noTTYOutput: false,
        fps: 1000 / drawMs,
      },
      cliProgress.Presets.shades_classic,
    )
    this.#bar = bar
    bar.start(total ?? 1, 0, this.#texts())
    this.#draw()
  }

  #draw(): void {
    const { clock, state } = this.#options
    this.#bar?.update(state().done, this.#texts())
    this.#timer = clock.schedule(drawMs, () => this.#draw())
  }

  #line(): void {
    const { clock, output, verb } = this.#options
    const { events, size, rate, elapsed } = this.#texts()
    output.note(`${verb} ${events} events (${size}) in ${elapsed}, ${rate} events/s`)
    this.#timer = clock.schedule(lineMs, () => this.#line())
  }

  #texts() {
    const { clock, state } = this.#options
    const { events, bytes, done, total } = state()
    const elapsedMs = Math.max(1, clock.monotonicMs() - this.#startedAt)
    const leftMs = total === null || done === 0 ? null : (elapsedMs / done) * Math.max(0, total - done)
    return {
      events: formatCount(events),
      size: formatSize(bytes),
      rate: formatCount((events / elapsedMs) * 1000),
      elapsed: formatElapsed(elapsedMs),
      left: leftMs === null ? '?' : formatElapsed(leftMs),
    }
  }
}
