// Durations as people write them: `500ms`, `10s`, `5m`, `2h`, `7d`, and sums such as `2h30m`.

import { EhubError } from './error.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration. Each unit at most once, biggest first; fractions are allowed (`1.5s`).
 * @throws EhubError `usage` naming the text.
 */
export function parseDuration(text: string): number {
  const match =
    /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(
      text,
    )
  const units = ['d', 'h', 'm', 's', 'ms']
  const ms = match
    ?.slice(1)
    .reduce((sum, part, index) => sum + Number(part ?? 0) * (unitMs[units[index] ?? ''] ?? 0), 0)
  if (text === '' || ms === undefined || ms > Number.MAX_SAFE_INTEGER) {
    throw new EhubError('usage', `"${text}" is not a duration`, {
      hint: 'Write for example 500ms, 10s, 5m, 2h30m or 7d.',
    })
  }
  return Math.round(ms)
}

/** A span for people in its two biggest units: `3d 4h`, `12m 5s`, `0s`. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000))
  const parts: string[] = []
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds)
    rest %= seconds
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.length === 0 ? '0s' : parts.slice(0, 2).join(' ')
}
