// Columns of the screen's tables: one column stretches, the others are as wide as they say; what does not fit is dropped in
// a given order, never the lag and never the status.

import { fit, type Line, type Role, type Span, span } from '../line.ts'

export interface Column<Row> {
  readonly name: string
  readonly title: string
  readonly width: number
  readonly align: 'left' | 'right'
  readonly cell: (row: Row, width: number) => Span
}

export interface Table<Row> {
  readonly columns: readonly Column<Row>[]
  /** Name of the column that takes what is left. */
  readonly stretch: string
  /** Names in the order in which columns are given up when the width does not do. */
  readonly dropOrder: readonly string[]
  readonly ellipsis: string
}

const gap = 1
const stretchMin = 14

/** The columns that fit, with their widths; together with gaps exactly `width`. */
export function layout<Row>(table: Table<Row>, width: number): readonly Column<Row>[] {
  const kept = [...table.columns]
  const fixed = () => kept.reduce((sum, column) => sum + (column.name === table.stretch ? 0 : column.width + gap), 0)
  for (const name of table.dropOrder) {
    if (fixed() + stretchMin <= width) break
    const at = kept.findIndex((column) => column.name === name)
    if (at >= 0) kept.splice(at, 1)
  }
  const rest = Math.max(1, width - fixed())
  return kept.map((column) => (column.name === table.stretch ? { ...column, width: rest } : column))
}

export function headerLine<Row>(columns: readonly Column<Row>[], ellipsis: string): Line {
  return joined(columns.map((column) => span(fit(column.title, column.width, column.align, ellipsis), 'dim')))
}

export function rowLine<Row>(columns: readonly Column<Row>[], row: Row, isSelected: boolean, ellipsis: string): Line {
  const cells = columns.map((column) => {
    const { text, role } = column.cell(row, column.width)
    return span(fit(text, column.width, column.align, ellipsis), role)
  })
  const line = joined(cells)
  // The whole row is inverted, and keeps its words: colour is never the only carrier of meaning.
  return isSelected
    ? line.map(({ text, role }) => span(text, role === 'plain' || role === 'dim' ? 'cursor' : role))
    : line
}

function joined(cells: readonly Span[]): Line {
  return cells.flatMap((cell, index): readonly Span[] => (index === 0 ? [cell] : [span(' '.repeat(gap)), cell]))
}

export const cellOf = (text: string, role: Role = 'plain'): Span => span(text, role)
