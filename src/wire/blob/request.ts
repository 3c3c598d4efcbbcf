// A request to the blob endpoint, as far as signing and routing look at it. Path style only: the account is the first segment.
//
//   PUT /<account>/<container>/<blob with slashes>?comp=metadata

import { EhubError } from '../../base/error.ts'

export interface BlobRequest {
  /** Upper case. */
  readonly method: string
  /** As transmitted, still percent-encoded, without the query: it is part of what is signed. */
  readonly path: string
  /** Decoded, names in lower case; a name given twice has its values joined by commas, in order. */
  readonly query: ReadonlyMap<string, string>
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly account: string
  /** null: the account itself is meant. */
  readonly container: string | null
  /** null: the container itself is meant. */
  readonly blob: string | null
}

/** @throws EhubError `argument-error` for a path or query that is not percent-encoded UTF-8. */
export function parseBlobRequest(method: string, url: string, headers: ReadonlyMap<string, string>): BlobRequest {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const [empty = '', account = '', container = '', ...blob] = path.split('/')
  if (empty !== '') throw new EhubError('argument-error', 'the path does not begin with "/"')
  return {
    method: method.toUpperCase(),
    path,
    query: parseQuery(mark < 0 ? '' : url.slice(mark + 1)),
    headers,
    account: decode(account),
    container: container === '' ? null : decode(container),
    blob: blob.length === 0 || blob.join('') === '' ? null : decode(blob.join('/')),
  }
}

function parseQuery(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string[]>()
  for (const part of text.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decode(equals < 0 ? part : part.slice(0, equals)).toLowerCase()
    const value = equals < 0 ? '' : decode(part.slice(equals + 1))
    values.set(name, [...(values.get(name) ?? []), value])
  }
  return new Map(Array.from(values, ([name, list]) => [name, list.sort().join(',')]))
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) throw new EhubError('argument-error', 'the address is not percent-encoded text')
    throw error
  }
}
