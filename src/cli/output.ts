// What a command says. stdout is data, stderr is talk; tables and colours only where a person looks (per stream), rows
// separated by tabs and never cut in a pipe. Everything that came from a peer is escaped on its way to a terminal.

import { escapeText } from '../base/escape-text.ts'

export interface Sink {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string | Uint8Array): boolean
}

export interface OutputOptions {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isQuiet: boolean
  readonly isVerbose: boolean
  readonly isColourOff: boolean
}

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

export type Cell = string | number | boolean | null

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Colour = keyof typeof codes

export class Output {
  readonly #options: OutputOptions

  constructor(options: OutputOptions) {
    this.#options = options
  }

  get isTerminal(): boolean {
    return this.#options.stdout.isTTY === true
  }

  get isTalkTerminal(): boolean {
    return this.#options.stderr.isTTY === true
  }

  get isQuiet(): boolean {
    return this.#options.isQuiet
  }

  /** One line of data on stdout, as it is. */
  print(line: string): void {
    this.#options.stdout.write(`${line}\n`)
  }

  /** One JSON document on stdout; laid out for a terminal, on one line for a pipe. */
  json(value: unknown): void {
    this.print(JSON.stringify(value, null, this.isTerminal ? 2 : undefined))
  }

  /** Talk on stderr, silenced by `--quiet`. */
  note(text: string): void {
    if (!this.#options.isQuiet) this.#talk(text)
  }

  /** A suggestion of what to do next: only where a person looks. */
  suggest(text: string): void {
    if (this.isTalkTerminal) this.note(this.paint('dim', text, 'stderr'))
  }

  /** Details on stderr, with `--verbose` only. */
  detail(text: string): void {
    if (this.#options.isVerbose) this.#talk(this.paint('dim', text, 'stderr'))
  }

  warn(text: string): void {
    this.note(`${this.paint('yellow', 'warning:', 'stderr')} ${text}`)
  }

  /** Rows on stdout: a table with titles for a terminal, tab-separated without titles for a pipe. `null` shows as `-`. */
  async table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Promise<void> {
    if (!this.isTerminal) {
      for (const row of rows) this.print(row.map((cell) => escapeText(cellText(cell))).join('\t'))
      return
    }
    const { default: Table } = await import('cli-table3')
    const table = new Table({
      head: columns.map((column) => this.paint('bold', column.title)),
      colAligns: columns.map((column) => column.align ?? 'left'),
      chars: borderless,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    })
    for (const row of rows) table.push(row.map((cell) => escapeText(cellText(cell))))
    for (const line of table.toString().split('\n')) this.print(line.trimEnd())
  }

  /** Names and values on stdout, one pair a line. */
  pairs(pairs: readonly (readonly [name: string, value: Cell])[]): void {
    const width = Math.max(0, ...pairs.map(([name]) => name.length))
    for (const [name, value] of pairs) {
      const text = escapeText(cellText(value))
      this.print(this.isTerminal ? `${this.paint('bold', name.padEnd(width))}  ${text}` : `${name}\t${text}`)
    }
  }

  /** Colours are an addition, never the only carrier of meaning. */
  paint(colour: Colour, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return this.#hasColour(stream) ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text
  }

  #hasColour(stream: 'stdout' | 'stderr'): boolean {
    const { env, isColourOff } = this.#options
    if (isColourOff || (env.NO_COLOR ?? '') !== '') return false
    if ((env.FORCE_COLOR ?? '') !== '' && env.FORCE_COLOR !== '0') return true
    return this.#options[stream].isTTY === true && env.TERM !== 'dumb'
  }

  #talk(text: string): void {
    this.#options.stderr.write(`${text}\n`)
  }
}

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}

function cellText(cell: Cell): string {
  return cell === null ? '-' : String(cell)
}
