// `EnqueuedTimeUtc` is .NET's US text in UTC, pattern `M/d/yyyy h:mm:ss tt`: no padding of month, day and hour, no fraction,
// no zone: `12/9/2022 4:51:25 PM`, `1/1/2026 12:00:00 AM`. The milliseconds are in `x-opt-enqueued-time`.

/** @param timeMs Unix milliseconds within the years 1 to 9999. */
export function formatEnqueuedTime(timeMs: number): string {
  const time = new Date(timeMs)
  const hour = time.getUTCHours()
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${time.getUTCMonth() + 1}/${time.getUTCDate()}/${String(time.getUTCFullYear()).padStart(4, '0')}`
  return `${date} ${hour % 12 === 0 ? 12 : hour % 12}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())} ${hour < 12 ? 'AM' : 'PM'}`
}

// Newer ICU data put a narrow no-break space in front of AM and PM.
const pattern = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2}):(\d{2})\s(AM|PM)$/

/** Unix milliseconds of a text as above, or of ISO 8601, which other writers use; null for anything else. */
export function parseEnqueuedTime(text: string): number | null {
  const match = pattern.exec(text)
  if (match === null) {
    const timeMs = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN
    return Number.isNaN(timeMs) ? null : timeMs
  }
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  if (month < 1 || month > 12 || hour < 1 || hour > 12 || minute > 59 || second > 59) return null
  const time = new Date(0)
  time.setUTCFullYear(year, month - 1, day)
  if (time.getUTCDate() !== day) return null
  return time.setUTCHours((hour % 12) + (match[7] === 'PM' ? 12 : 0), minute, second, 0)
}
