// Numbers as the screen shows them: at most six characters where a column is narrow.

/** `12`, `8,204`, `91,377`, `1.2M`: grouped up to six characters, then with k, M, G. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return '∞'
  const rounded = Math.round(value)
  const grouped = rounded.toLocaleString('en-US')
  return grouped.length <= 6 ? grouped : scaled(value, 1000, ['k', 'M', 'G', 'T', 'P'], '')
}

/** Events a second: `0`, `0.4`, `410`, `1.2k`. */
export function rate(value: number): string {
  if (value > 0 && value < 9.95) return value < 0.05 ? '0' : value.toFixed(1).replace(/\.0$/, '')
  return value < 999.5 ? String(Math.round(value)) : scaled(value, 1000, ['k', 'M', 'G'], '')
}

/** Bytes with decimal units, as disks are sold and the service counts: `512B`, `480KB`, `1.2GB`. */
export function bytes(value: number): string {
  return value < 999.5 ? `${Math.round(value)}B` : scaled(value, 1000, ['KB', 'MB', 'GB', 'TB', 'PB'], '')
}

/** Ages and durations: `0.4s`, `41s`, `12m04s`, `3h07m`, `5d02h`. */
export function age(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`
  if (seconds < 99.5) return `${Math.round(seconds)}s`
  const whole = Math.round(seconds)
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    `${big}${bigUnit}${String(small).padStart(2, '0')}${smallUnit}`
  if (whole < 3600) return pair(Math.floor(whole / 60), 'm', whole % 60, 's')
  if (whole < 86_400) return pair(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'm')
  return pair(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h')
}

/** `09:30:12` in UTC, so that the screen agrees with the times of events. */
export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19)
}

/** `09:30:12.402` in UTC. */
export function clockTimeMs(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}

function scaled(value: number, step: number, units: readonly string[], suffix: string): string {
  let amount = value
  let unit = ''
  for (const next of units) {
    if (Math.abs(amount) < step - 0.5) break
    amount /= step
    unit = next
  }
  return `${amount < 9.95 ? amount.toFixed(1) : Math.round(amount)}${unit}${suffix}`
}
