// A screen is a list of lines, a line a list of spans: text with a role. Everything that decides what is where is pure and
// ends in this form; `screen.tsx` hands it to Ink, golden files keep it as text.

import stringWidth from 'string-width'

/** What a text means; the palette turns it into colours, or into nothing when there are none. */
export type Role =
  | 'plain'
  | 'strong'
  | 'dim'
  | 'good'
  | 'warn'
  | 'bad'
  | 'lost'
  | 'rewind'
  | 'cursor'
  | 'key'
  | 'frame'
  | 'trend'

export interface Span {
  readonly text: string
  readonly role: Role
}

export type Line = readonly Span[]

export const span = (text: string, role: Role = 'plain'): Span => ({ text, role })

/** Columns a text takes on a terminal: wide characters take two, combining ones none. */
export function widthOf(text: string): number {
  // Most cells are plain ASCII, lines and blocks, and this is asked for every cell of every frame.
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    const isNarrow = (code >= 0x20 && code <= 0x7e) || (code >= 0x2500 && code <= 0x259f)
    if (!isNarrow) return stringWidth(text)
  }
  return text.length
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0)
}

/** Cuts to at most `columns`, the last of them an ellipsis when something was cut. */
export function cut(text: string, columns: number, ellipsis = '…'): string {
  if (columns <= 0) return ''
  if (widthOf(text) <= columns) return text
  const room = columns - widthOf(ellipsis)
  let width = 0
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const next = width + widthOf(segment)
    if (next > room) break
    kept += segment
    width = next
  }
  return room < 0 ? ellipsis.slice(0, columns) : kept + ellipsis + ' '.repeat(Math.max(0, room - width))
}

/** Exactly `columns` wide, cut or filled with blanks. */
export function fit(text: string, columns: number, align: 'left' | 'right' = 'left', ellipsis = '…'): string {
  const shown = cut(text, columns, ellipsis)
  const fill = ' '.repeat(Math.max(0, columns - widthOf(shown)))
  return align === 'left' ? shown + fill : fill + shown
}

/** Exactly `columns` wide: spans beyond it are cut, what is missing is filled with blanks. */
export function fitLine(line: Line, columns: number, ellipsis = '…'): Line {
  const spans: Span[] = []
  let used = 0
  for (const { text, role } of line) {
    const width = widthOf(text)
    if (used + width > columns) {
      const rest = cut(text, columns - used, ellipsis)
      if (rest !== '') spans.push({ text: rest, role })
      used += widthOf(rest)
      break
    }
    spans.push({ text, role })
    used += width
  }
  if (used < columns) spans.push(span(' '.repeat(columns - used)))
  return spans
}

export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('')
}

/** Control and direction characters from events and names must not reach the terminal (security rule S14). */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '·')
}
