// Sizes for people.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1536` as `1.5 KiB`: binary units, one decimal below 100, none for bytes. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const text = unit === 0 || value >= 100 ? Math.round(value).toString() : value.toFixed(1)
  return `${text} ${units[unit] ?? 'B'}`
}
