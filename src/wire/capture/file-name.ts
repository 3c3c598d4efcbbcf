// Names of Capture files (Event Hubs' `archiveNameFormat`): nine tokens, each at least once, in any order, with any text
// between them; `.avro` is added. The time is the start of the window, in UTC, year of four digits, the others of two;
// partition numbers are not padded.

import { EhubError } from '../../base/error.ts'

export const captureExtension = '.avro'

/** The service's default. */
export const defaultNameFormat = '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}'

const tokenPatterns = {
  Namespace: '[A-Za-z0-9-]+?',
  EventHub: '[A-Za-z0-9._-]+?',
  PartitionId: '\\d{1,4}',
  Year: '\\d{4}',
  Month: '\\d{2}',
  Day: '\\d{2}',
  Hour: '\\d{2}',
  Minute: '\\d{2}',
  Second: '\\d{2}',
} as const

type Token = keyof typeof tokenPatterns
const tokens = Object.keys(tokenPatterns) as readonly Token[]

export interface CaptureFilePlace {
  readonly namespace: string
  readonly hub: string
  readonly partition: number
  /** Unix milliseconds; whole seconds survive a name. */
  readonly startMs: number
}

type Part = { readonly token: Token } | { readonly text: string }

/** Blob names have at most 1024 characters; names of hubs and namespaces take up to 306 of them. */
const formatLengthMax = 512

/** Only made by `parseNameFormat`. */
export class NameFormat {
  readonly text: string
  readonly #parts: readonly Part[]

  constructor(text: string, parts: readonly Part[]) {
    this.text = text
    this.#parts = parts
  }

  /**
   * The name of a file, relative, `/` between folders.
   * @param suffix In front of the extension; for a second file of the same second.
   */
  expand(place: CaptureFilePlace, suffix = ''): string {
    const values = valuesOf(place)
    const name = this.#parts.map((part) => ('token' in part ? values[part.token] : part.text)).join('')
    return `${name}${suffix}${captureExtension}`
  }

  /**
   * The longest beginning of the names of one partition's files that holds no token of time: what a listing can ask for.
   */
  prefix(place: Omit<CaptureFilePlace, 'startMs'>): string {
    const values = valuesOf({ ...place, startMs: 0 })
    let prefix = ''
    for (const part of this.#parts) {
      if ('text' in part) prefix += part.text
      else if (part.token === 'Namespace' || part.token === 'EventHub' || part.token === 'PartitionId') {
        prefix += values[part.token]
      } else break
    }
    return prefix
  }

  /**
   * What a name says of its file; null for a name that is not of this format. The folders above may be there too:
   * the format is looked for at the end.
   * @param known Where namespace and hub are known they are taken as they are, which decides where they end when no text lies
   *   between them and their neighbours.
   */
  parse(name: string, known: { readonly namespace?: string; readonly hub?: string } = {}): CaptureFilePlace | null {
    const groups = this.#pattern(known).exec(name)?.groups
    if (groups === undefined) return null
    const number = (token: Token) => Number(groups[token])
    const startMs = Date.UTC(
      number('Year'),
      number('Month') - 1,
      number('Day'),
      number('Hour'),
      number('Minute'),
      number('Second'),
    )
    const place: CaptureFilePlace = {
      namespace: groups.Namespace ?? '',
      hub: groups.EventHub ?? '',
      partition: number('PartitionId'),
      startMs,
    }
    // 31 February is no date, `007` no partition: such a file was not named by this format.
    const values = valuesOf(place)
    return tokens.every((token) => values[token] === groups[token]) ? place : null
  }

  #pattern(known: { readonly namespace?: string; readonly hub?: string }): RegExp {
    const seen = new Set<Token>()
    const source = this.#parts.map((part) => {
      if ('text' in part) return escapePattern(part.text)
      if (seen.has(part.token)) return `\\k<${part.token}>`
      seen.add(part.token)
      const given = part.token === 'Namespace' ? known.namespace : part.token === 'EventHub' ? known.hub : undefined
      return `(?<${part.token}>${given === undefined ? tokenPatterns[part.token] : escapePattern(given)})`
    })
    return new RegExp(`(?:^|/)${source.join('')}(?:-\\d{1,6})?${escapePattern(captureExtension)}$`)
  }
}

/**
 * Checks a format. Text may not lead out of the destination: no empty folder, no `.` or `..`, no control characters.
 * @throws EhubError `argument-error` naming what is wrong.
 */
export function parseNameFormat(text: string): NameFormat {
  const wrong = (what: string) =>
    new EhubError('argument-error', `the name format "${text}" ${what}`, {
      hint: `it needs each of ${tokens.map((token) => `{${token}}`).join(' ')}, for instance ${defaultNameFormat}`,
    })
  if (text.length > formatLengthMax) throw wrong(`has ${text.length} characters, at most ${formatLengthMax}`)
  const parts: Part[] = []
  for (const piece of text.split(/(\{[^{}]*\})/)) {
    if (piece === '') continue
    if (!piece.startsWith('{')) {
      if (/[{}]/.test(piece)) throw wrong('has a brace without its partner')
      // oxlint-disable-next-line no-control-regex -- what must not be in a file's name
      if (/[\u0000-\u001f\u007f]/.test(piece)) throw wrong('holds a control character')
      parts.push({ text: piece })
      continue
    }
    const token = tokens.find((name) => `{${name}}` === piece)
    if (token === undefined) throw wrong(`has ${piece}, which is no token`)
    parts.push({ token })
  }
  const missing = tokens.filter((token) => !parts.some((part) => 'token' in part && part.token === token))
  if (missing.length > 0) throw wrong(`lacks ${missing.map((token) => `{${token}}`).join(', ')}`)
  for (const folder of text.split(/[/\\]/)) {
    if (folder === '' || folder === '.' || folder === '..') throw wrong(`has a folder called "${folder}"`)
  }
  return new NameFormat(text, parts)
}

function valuesOf({ namespace, hub, partition, startMs }: CaptureFilePlace): Readonly<Record<Token, string>> {
  const time = new Date(startMs)
  const two = (value: number) => String(value).padStart(2, '0')
  return {
    Namespace: namespace,
    EventHub: hub,
    PartitionId: String(partition),
    Year: String(time.getUTCFullYear()).padStart(4, '0'),
    Month: two(time.getUTCMonth() + 1),
    Day: two(time.getUTCDate()),
    Hour: two(time.getUTCHours()),
    Minute: two(time.getUTCMinutes()),
    Second: two(time.getUTCSeconds()),
  }
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
