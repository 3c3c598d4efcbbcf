// Sizes, rates and counts as people write and read them. One grammar for every flag (docs/CLI.md, "Durations, sizes,
// rates"); durations are in `base/duration.ts`. Pure text and numbers.

import { EhubError } from '../../base/error.ts'

// Decimal and binary units are different numbers here: 1MB = 1,000,000 bytes, 1MiB = 1,048,576 bytes.
const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
}

const ratePeriodsS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/**
 * Whole bytes of `512`, `64KiB`, `1MB`, `1.5GiB`; letters in any case.
 * @throws EhubError `usage`.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text)
  const unit = sizeUnits[(match?.[2] ?? '?').toLowerCase()]
  const bytes = unit === undefined ? Number.NaN : Math.floor(Number(match?.[1]) * unit)
  if (!Number.isSafeInteger(bytes)) {
    throw new EhubError('usage', `"${text}" is no size`, { hint: 'write for instance 512, 64KiB or 1MB' })
  }
  return bytes
}

/**
 * Events a second of `100/s`, `6000/m`, `0.5/s`; greater than 0.
 * @throws EhubError `usage`.
 */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\/([smh])$/.exec(text)
  const rate = Number(match?.[1]) / (ratePeriodsS[match?.[2] ?? ''] ?? Number.NaN)
  if (!(rate > 0) || !Number.isFinite(rate)) {
    throw new EhubError('usage', `"${text}" is no rate`, { hint: 'write for instance 100/s or 600/m' })
  }
  return rate
}

/** A whole number with thousands separators: `1,000`. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** Bytes for people, decimal units, two or three figures: `1.2 MB`, `840 B`. */
export function formatSize(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (value < 999.5 || unit === 'TB')
      return `${unit === 'B' || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${unit}`
    value /= 1000
  }
  return `${bytes} B`
}

/** Elapsed time for people: `0.41 s`, `12.3 s`, `3m 20s`. */
export function formatElapsed(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes}m ${seconds % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`
}
