// The frame around everything: borders and rules, with the panes' lines made exactly as wide as they may be.

import type { Glyphs } from '../glyphs.ts'
import { fitLine, type Line, span } from '../line.ts'

/** A rule across the box; `joints` are columns (of the inside, from 0) where a vertical line meets it. */
export interface Rule {
  readonly rule: true
  readonly above: readonly number[]
  readonly below: readonly number[]
}

export const plainRule: Rule = { rule: true, above: [], below: [] }

/** Boxes `content`, each line `columns - 4` wide inside one blank on each side. */
export function boxed(content: readonly (Line | Rule)[], columns: number, glyphs: Glyphs): readonly Line[] {
  const inside = columns - 2
  const edge = (left: string, right: string) => [span(left + glyphs.horizontal.repeat(inside) + right, 'frame')]
  return [
    edge(glyphs.topLeft, glyphs.topRight),
    ...content.map((line): Line => ('rule' in line ? ruled(line, inside, glyphs) : framed(line, inside, glyphs))),
    edge(glyphs.bottomLeft, glyphs.bottomRight),
  ]
}

function framed(line: Line, inside: number, glyphs: Glyphs): Line {
  return [
    span(`${glyphs.vertical} `, 'frame'),
    ...fitLine(line, inside - 2, glyphs.ellipsis),
    span(` ${glyphs.vertical}`, 'frame'),
  ]
}

function ruled(rule: Rule, inside: number, glyphs: Glyphs): Line {
  const cells = Array.from({ length: inside }, (_, column) => {
    if (rule.above.includes(column)) return rule.below.includes(column) ? glyphs.cross : glyphs.teeUp
    return rule.below.includes(column) ? glyphs.teeDown : glyphs.horizontal
  })
  return [span(glyphs.teeRight + cells.join('') + glyphs.teeLeft, 'frame')]
}

/** Two panes side by side with a vertical line between them, `rows` high. */
export function beside(
  left: readonly Line[],
  right: readonly Line[],
  leftColumns: number,
  rightColumns: number,
  rows: number,
  glyphs: Glyphs,
): readonly Line[] {
  return Array.from(
    { length: rows },
    (_, row): Line => [
      ...fitLine(left[row] ?? [], leftColumns, glyphs.ellipsis),
      span(` ${glyphs.vertical} `, 'frame'),
      ...fitLine(right[row] ?? [], rightColumns, glyphs.ellipsis),
    ],
  )
}

/** Exactly `rows` lines: cut, or filled with empty ones. */
export function filled(lines: readonly Line[], rows: number): readonly Line[] {
  return Array.from({ length: rows }, (_, row) => lines[row] ?? [])
}
