// A line graph of samples over time in a given number of rows and columns, for the partition view and the big graph.

import type { Glyphs } from './glyphs.ts'
import { count } from './numbers.ts'

export interface Sample {
  readonly atMs: number
  readonly value: number
}

export interface GraphSize {
  readonly columns: number
  /** Rows for the plot itself, at least 2; the time axis takes one more. */
  readonly rows: number
}

const axisColumns = 7

/** Lines of text, all `columns` wide: `rows` of plot with a scale on the left, then the time axis. */
export function drawGraph(
  samples: readonly Sample[],
  fromMs: number,
  toMs: number,
  size: GraphSize,
  glyphs: Glyphs,
): readonly string[] {
  const plotColumns = Math.max(1, size.columns - axisColumns - 1)
  const values = resample(samples, fromMs, toMs, plotColumns)
  const top = niceTop(Math.max(0, ...values.filter((value) => value !== null)))
  const grid = Array.from({ length: size.rows }, () => Array.from({ length: plotColumns }, () => ' '))
  let previous: number | null = null
  values.forEach((value, column) => {
    if (value === null) {
      previous = null
      return
    }
    const row = rowOf(value, top, size.rows)
    drawStep(grid, column, previous ?? row, row, glyphs)
    previous = row
  })
  const labelEvery = Math.max(1, Math.floor(size.rows / 4))
  const lines = grid.map((cells, row) => {
    const isLabelled = row % labelEvery === 0 || row === size.rows - 1
    const label = isLabelled ? count((top * (size.rows - 1 - row)) / Math.max(1, size.rows - 1)) : ''
    return `${label.padStart(axisColumns - 1)} ${isLabelled ? glyphs.teeLeft : glyphs.vertical}${cells.join('')}`
  })
  return [...lines, timeAxis(fromMs, toMs, plotColumns)]
}

/** One value a column: the greatest of its samples; gaps of up to a tenth of the span are bridged by the value before. */
function resample(
  samples: readonly Sample[],
  fromMs: number,
  toMs: number,
  columns: number,
): readonly (number | null)[] {
  const values: (number | null)[] = Array.from({ length: columns }, () => null)
  const columnMs = Math.max(1, (toMs - fromMs) / columns)
  for (const { atMs, value } of samples) {
    if (atMs < fromMs || atMs > toMs) continue
    const column = Math.min(columns - 1, Math.floor((atMs - fromMs) / columnMs))
    values[column] = Math.max(values[column] ?? 0, value)
  }
  const bridge = Math.max(1, Math.floor(columns / 10))
  let last: number | null = null
  let gap = 0
  return values.map((value) => {
    if (value !== null) {
      last = value
      gap = 0
      return value
    }
    gap++
    return last !== null && gap <= bridge ? last : null
  })
}

/** One column of the line: level, or a vertical stroke with corners, so that a step is a line and not two dots. */
function drawStep(grid: string[][], column: number, from: number, to: number, glyphs: Glyphs): void {
  const put = (row: number, glyph: string) => {
    const cells = grid[row]
    if (cells !== undefined) cells[column] = glyph
  }
  if (from === to) return put(to, glyphs.level)
  for (let row = Math.min(from, to) + 1; row < Math.max(from, to); row++) put(row, glyphs.vertical)
  put(from, to < from ? glyphs.riseFrom : glyphs.fallFrom)
  put(to, to < from ? glyphs.riseTo : glyphs.fallTo)
}

function rowOf(value: number, top: number, rows: number): number {
  const fromBottom = Math.round((value / top) * (rows - 1))
  return rows - 1 - Math.min(rows - 1, Math.max(0, fromBottom))
}

/** The next of 1, 2, 5 × 10^n at or above the greatest value, at least 5: scales people read at a glance. */
function niceTop(greatest: number): number {
  if (greatest <= 5) return 5
  const magnitude = 10 ** Math.floor(Math.log10(greatest))
  const step = [1, 2, 5, 10].find((factor) => factor * magnitude >= greatest) ?? 10
  return step * magnitude
}

function timeAxis(fromMs: number, toMs: number, columns: number): string {
  const isShort = toMs - fromMs < 5 * 60_000
  const label = (ms: number) => new Date(ms).toISOString().slice(11, isShort ? 19 : 16)
  const marks = Math.max(2, Math.min(5, Math.floor(columns / 16)))
  let text = ' '.repeat(axisColumns + 1)
  for (let mark = 0; mark < marks; mark++) {
    const at = axisColumns + 1 + Math.floor((mark * (columns - 8)) / (marks - 1))
    text = text.padEnd(at) + label(fromMs + ((at - axisColumns - 1) / columns) * (toMs - fromMs))
  }
  return text.slice(0, columns + axisColumns + 1).padEnd(columns + axisColumns + 1)
}
