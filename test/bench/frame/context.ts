// What a bench is and what it is given: rounds, folders of its own, a deadline, and interleaved turns.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchResult } from './result.ts'

export interface Bench {
  readonly name: string
  readonly title: string
  /** Grows files by gigabytes: the page cache is filled before it. */
  readonly writesMuch?: boolean
  run(context: BenchContext): Promise<BenchResult>
}

export interface Settings {
  readonly rounds: number
  readonly isQuick: boolean
  /** Sizes that take minutes and gigabytes. */
  readonly isFull: boolean
}

export class BenchContext {
  readonly rounds: number
  readonly isQuick: boolean
  readonly isFull: boolean
  readonly #root: string
  readonly #say: (line: string) => void
  readonly #deadlineMs: number
  #cleanUps: (() => Promise<void> | void)[] = []

  constructor(root: string, settings: Settings, deadlineMs: number, say: (line: string) => void) {
    this.rounds = settings.rounds
    this.isQuick = settings.isQuick
    this.isFull = settings.isFull
    this.#root = root
    this.#say = say
    this.#deadlineMs = deadlineMs
  }

  /** One of two amounts: the whole run's or the quick one's. */
  either<T>(whole: T, quick: T): T {
    return this.isQuick ? quick : whole
  }

  say(line: string): void {
    this.#say(`  ${line}`)
  }

  /** A folder of this bench, removed after it. */
  folder(name: string): string {
    const path = join(this.#root, name)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  }

  /** Runs when the bench is over, last registered first, also after a failure. */
  after(cleanUp: () => Promise<void> | void): void {
    this.#cleanUps.push(cleanUp)
  }

  async cleanUp(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).reverse()) await cleanUp()
    rmSync(this.#root, { recursive: true, force: true })
  }

  /**
   * Turns interleaved A B A B, each as many times as there are rounds. Between turns the file system is flushed, so that a
   * turn pays for its own writes only. Stops early, after at least one round, when the run's time is over.
   */
  async turns<K extends string, T>(takers: Readonly<Record<K, (() => Promise<T>) | null>>): Promise<Record<K, T[]>> {
    const names = Object.keys(takers) as K[]
    const samples = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<K, T[]>
    for (let round = 0; round < this.rounds; round++) {
      if (round > 0 && performance.now() > this.#deadlineMs) {
        this.say(`stopped after ${round} of ${this.rounds} rounds: the run's time is over`)
        break
      }
      for (const name of names) {
        const take = takers[name]
        if (take === null) continue
        this.flushDisk()
        samples[name].push(await take())
      }
    }
    return samples
  }

  flushDisk(): void {
    try {
      execFileSync('sync', ['-f', this.#root], { timeout: 120_000, stdio: 'ignore' })
    } catch {
      // Without the tool turns are still comparable, only noisier; nothing to act on.
    }
  }
}

/** The machine's page cache in a few words, for the notes beside figures that write a lot. */
export function pageCacheState(): string {
  try {
    const text = readFileSync('/proc/meminfo', 'latin1')
    const gigabytes = (field: string) =>
      (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1e6).toFixed(1)
    return `page cache ${gigabytes('Cached')} GB, dirty ${gigabytes('Dirty')} GB, free ${gigabytes('MemFree')} of ${gigabytes('MemTotal')} GB`
  } catch {
    return 'page cache unknown (no /proc/meminfo)'
  }
}
