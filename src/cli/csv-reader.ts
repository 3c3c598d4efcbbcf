// Comma-separated values (RFC 4180) as they come in: quotes double inside quotes, line ends CRLF or LF, line ends inside quotes
// belong to the cell. Pure; push chunks of text, take rows.

import { EhubError } from '../base/error.ts'

/** A cell's text; null: empty and without quotes. */
export type CsvRow = readonly (string | null)[]

export class CsvReader {
  /** Number of the row begun last, counting from 1. */
  row = 1
  readonly #rowLengthMax: number
  #cells: (string | null)[] = []
  #cell = ''
  #wasQuoted = false
  #isQuoted = false
  /** A quote inside quotes was seen: an end, or the first half of a quote. */
  #isAfterQuote = false
  #length = 0

  /** @param rowLengthMax Characters of the longest row taken. */
  constructor(rowLengthMax: number) {
    this.#rowLengthMax = rowLengthMax
  }

  /** Rows that end in the text. @throws EhubError `argument-error` for a row that is too long or misquoted. */
  push(text: string): CsvRow[] {
    const rows: CsvRow[] = []
    let from = 0
    for (let i = 0; i < text.length; i += 1) {
      const letter = text.charCodeAt(i)
      if (this.#isQuoted && !this.#isAfterQuote) {
        if (letter !== 0x22) continue
        this.#take(text, from, i)
        this.#isAfterQuote = true
        from = i + 1
        continue
      }
      if (this.#isAfterQuote) {
        this.#isAfterQuote = false
        if (letter === 0x22) {
          // The second half: the quote itself is the next text's beginning.
          from = i
          continue
        }
        this.#isQuoted = false
        from = i
      }
      if (letter === 0x22) {
        this.#take(text, from, i)
        if (this.#cell !== '' || this.#wasQuoted) throw this.#wrong('a quote inside a cell without quotes')
        this.#isQuoted = true
        this.#wasQuoted = true
        from = i + 1
      } else if (letter === 0x2c) {
        this.#take(text, from, i)
        this.#endCell()
        from = i + 1
      } else if (letter === 0x0a) {
        this.#take(text, from, i)
        this.#endRow(rows)
        from = i + 1
      }
    }
    this.#take(text, from, text.length)
    return rows
  }

  /** The last row when no line end followed it. @throws EhubError `argument-error`. */
  finish(): CsvRow[] {
    const rows: CsvRow[] = []
    if (this.#isQuoted && !this.#isAfterQuote) throw this.#wrong('quotes that do not end')
    if (this.#cells.length > 0 || this.#cell !== '' || this.#wasQuoted) this.#endRow(rows)
    return rows
  }

  #take(text: string, from: number, to: number): void {
    if (to <= from) return
    this.#length += to - from
    if (this.#length > this.#rowLengthMax) throw this.#wrong(`more than ${this.#rowLengthMax} characters`)
    this.#cell += text.slice(from, to)
  }

  #endCell(): void {
    this.#cells.push(this.#cell === '' && !this.#wasQuoted ? null : this.#cell)
    this.#cell = ''
    this.#wasQuoted = false
    this.#isQuoted = false
    this.#isAfterQuote = false
  }

  #endRow(rows: CsvRow[]): void {
    // The CR of a CRLF.
    if (this.#cell.endsWith('\r')) this.#cell = this.#cell.slice(0, -1)
    const isEmpty = this.#cells.length === 0 && this.#cell === '' && !this.#wasQuoted
    this.#endCell()
    if (!isEmpty) rows.push(this.#cells)
    this.#cells = []
    this.#length = 0
    this.row += 1
  }

  #wrong(what: string): EhubError {
    return new EhubError('argument-error', `row ${this.row} of the CSV: ${what}`)
  }
}
