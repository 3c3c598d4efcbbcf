// What a bench gives back: figures (samples with a unit) and bars (a ratio or a value against its bound). The runner prints
// them and writes them as JSON; a bar is never a test, a miss is a line.

import { summarize } from './statistics.ts'

export type Unit = 'events/s' | 'MB/s' | 'ms' | 'MB' | 'KB' | 'us'

export interface Figure {
  readonly name: string
  readonly unit: Unit
  /** One a round, at least one. */
  readonly samples: readonly number[]
  /** What else is worth a glance: CPU shares, counts. */
  readonly detail?: string
}

export interface Bar {
  readonly text: string
  /** Measured ratio or value; null when the partner is absent. */
  readonly value: number | null
  readonly bound: number
  readonly direction: 'at-least' | 'at-most'
  readonly unit: '×' | Unit
}

export interface BenchResult {
  readonly figures: readonly Figure[]
  readonly bars: readonly Bar[]
  /** What was written, how big things were, what was skipped and why. */
  readonly notes: readonly string[]
}

export type Verdict = 'PASS' | 'MISS' | 'SKIPPED'

export function verdictOf(bar: Bar): Verdict {
  if (bar.value === null) return 'SKIPPED'
  return (bar.direction === 'at-least' ? bar.value >= bar.bound : bar.value <= bar.bound) ? 'PASS' : 'MISS'
}

/** A bar on median(subject) / median(partner); skipped when there is no partner. */
export function ratioBar(
  text: string,
  subject: Figure | undefined,
  partner: Figure | undefined,
  direction: Bar['direction'],
  bound: number,
): Bar {
  const value =
    subject === undefined || partner === undefined
      ? null
      : summarize(subject.samples).median / summarize(partner.samples).median
  return { text, value, bound, direction, unit: '×' }
}

/** A bar on the median of one figure. */
export function valueBar(text: string, figure: Figure, direction: Bar['direction'], bound: number): Bar {
  return { text, value: summarize(figure.samples).median, bound, direction, unit: figure.unit }
}

/** Three significant digits, thousands as k and M for rates. */
export function formatValue(value: number, unit: Unit | '×'): string {
  if (unit === 'events/s') {
    if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M/s`
    if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k/s`
    return `${value.toFixed(0)} /s`
  }
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return unit === '×' ? `${value.toFixed(2)} ×` : `${value.toFixed(digits)} ${unit}`
}

export function formatFigure(figure: Figure): string {
  const { median, low, high, count } = summarize(figure.samples)
  const range = count > 1 ? `  (${formatValue(low, figure.unit)} – ${formatValue(high, figure.unit)}, n=${count})` : ''
  const detail = figure.detail === undefined ? '' : `  ${figure.detail}`
  return `${figure.name.padEnd(34)} ${formatValue(median, figure.unit).padStart(11)}${range}${detail}`
}

export function formatBar(bar: Bar): string {
  const sign = bar.direction === 'at-least' ? '≥' : '≤'
  const bound = bar.unit === '×' ? `${bar.bound} ×` : formatValue(bar.bound, bar.unit)
  const value = bar.value === null ? 'partner absent' : formatValue(bar.value, bar.unit)
  return `${verdictOf(bar).padEnd(7)} ${bar.text}: ${value} (bar ${sign} ${bound})`
}
