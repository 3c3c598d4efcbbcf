// What lines and trends are drawn with: block and box characters, or ASCII where the locale or the user says so.

export interface Glyphs {
  readonly horizontal: string
  readonly vertical: string
  readonly topLeft: string
  readonly topRight: string
  readonly bottomLeft: string
  readonly bottomRight: string
  readonly teeRight: string
  readonly teeLeft: string
  readonly teeDown: string
  readonly cross: string
  readonly teeUp: string
  /** From low to high. */
  readonly bars: readonly string[]
  readonly cursor: string
  readonly open: string
  readonly closed: string
  readonly into: string
  readonly live: string
  readonly alert: string
  readonly refresh: string
  readonly ellipsis: string
  readonly infinity: string
  /** A graph's line: level, then the corners of a rise and of a fall. */
  readonly level: string
  readonly riseFrom: string
  readonly riseTo: string
  readonly fallFrom: string
  readonly fallTo: string
}

export const unicodeGlyphs: Glyphs = {
  horizontal: '─',
  vertical: '│',
  topLeft: '┌',
  topRight: '┐',
  bottomLeft: '└',
  bottomRight: '┘',
  teeRight: '├',
  teeLeft: '┤',
  teeDown: '┬',
  cross: '┼',
  teeUp: '┴',
  bars: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  cursor: '▌',
  open: '▾',
  closed: '▸',
  into: '▸',
  live: '●',
  alert: '▲',
  refresh: '⟳',
  ellipsis: '…',
  infinity: '∞',
  level: '─',
  riseFrom: '╯',
  riseTo: '╭',
  fallFrom: '╮',
  fallTo: '╰',
}

export const asciiGlyphs: Glyphs = {
  horizontal: '-',
  vertical: '|',
  topLeft: '+',
  topRight: '+',
  bottomLeft: '+',
  bottomRight: '+',
  teeRight: '+',
  teeLeft: '+',
  teeDown: '+',
  cross: '+',
  teeUp: '+',
  bars: ['_', '.', '-', '=', '#'],
  cursor: '>',
  open: 'v',
  closed: '>',
  into: '>',
  live: '*',
  alert: '!',
  refresh: '@',
  ellipsis: '~',
  infinity: 'inf',
  level: '-',
  riseFrom: '+',
  riseTo: '+',
  fallFrom: '+',
  fallTo: '+',
}

/** UTF-8 by the locale's own precedence; an unset locale is taken as UTF-8, as current terminals are. */
export function glyphsFor(environment: Readonly<Record<string, string | undefined>>, isAscii: boolean): Glyphs {
  const locale = environment.LC_ALL || environment.LC_CTYPE || environment.LANG || ''
  const isUtf8 = locale === '' || /utf-?8/i.test(locale)
  return isAscii || !isUtf8 ? asciiGlyphs : unicodeGlyphs
}

/**
 * A trend of the last `columns` values, oldest left. Scaled between the row's own least and greatest value, so that movement
 * shows, or from 0 to `scaleMax` where rows are to be compared. No history leaves blanks on the left.
 */
export function sparkline(values: readonly number[], columns: number, glyphs: Glyphs, scaleMax?: number): string {
  const shown = values.slice(-columns)
  const low = scaleMax === undefined ? Math.min(...shown) : 0
  const span = Math.max(1, (scaleMax ?? Math.max(...shown)) - low)
  const { bars } = glyphs
  const drawn = shown.map((value) => {
    const step = Math.min(bars.length - 1, Math.floor((Math.max(0, value - low) / span) * bars.length))
    return bars[step] ?? ' '
  })
  return ' '.repeat(columns - drawn.length) + drawn.join('')
}
