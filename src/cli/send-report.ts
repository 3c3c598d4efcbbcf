// What `send` tells: a summary for people or programs, a line for each acknowledged event, the events that were left out.

import { formatCount, formatElapsed, formatSize } from '../wire/events/units.ts'
import type { Output } from './output.ts'
import type { EncodedBatch } from './send-batch.ts'
import type { SendAccount } from './send-run.ts'

export const ackModes = ['none', 'summary', 'each'] as const
export type AckMode = (typeof ackModes)[number]

/** Lines for the events of a batch, by their number in the input counting from 0; AMQP tells no sequence number. */
export function ackLines(batch: EncodedBatch, isJson: boolean): string {
  let lines = ''
  for (const number of batch.numbers ?? []) {
    lines += isJson ? `{"i":${number - 1},"status":"accepted"}\n` : `${number - 1}\taccepted\n`
  }
  return lines
}

/** `sent 1,000 events (1.2 MB) to orders in 0.41 s, 3 batches`. */
export function summaryText(account: SendAccount, hub: string, elapsedMs: number, isDryRun: boolean): string {
  const { events, bytes, batches } = account
  const verb = isDryRun ? 'would send' : 'sent'
  const count = `${formatCount(events)} ${events === 1 ? 'event' : 'events'}`
  const batchCount = `${formatCount(batches)} ${batches === 1 ? 'batch' : 'batches'}`
  return `${verb} ${count} (${formatSize(bytes)}) to ${hub} in ${formatElapsed(elapsedMs)}, ${batchCount}`
}

export interface SummaryOptions {
  readonly output: Output
  readonly account: SendAccount
  readonly hub: string
  readonly elapsedMs: number
  readonly isJson: boolean
  readonly isDryRun: boolean
}

/** On stderr for people; with `--json` one document on stdout. */
export function tellSummary({ output, account, hub, elapsedMs, isJson, isDryRun }: SummaryOptions): void {
  if (!isJson) return output.note(summaryText(account, hub, elapsedMs, isDryRun))
  const { events, bytes, batches, rejected } = account
  output.json({ hub, events, bytes, batches, rejected, elapsedMs: Math.round(elapsedMs), dryRun: isDryRun })
}

// The rest is counted: a broken file of millions of lines must not scroll away what matters.
const rejectsShownMax = 100

/** Lists what was left out, on stderr. */
export class RejectList {
  readonly #output: Output
  #count = 0

  constructor(output: Output) {
    this.#output = output
  }

  add(place: string, reason: string): void {
    this.#count += 1
    if (this.#count <= rejectsShownMax) this.#output.warn(`${place} left out: ${reason}`)
    if (this.#count === rejectsShownMax + 1) this.#output.warn('more events were left out, no longer listed')
  }
}
