// `--store`: where the checkpoints that lag is measured against are kept. `daemon`, or a container of blobs:
//
//   blob:https://acct.blob.core.windows.net/app?sv=…&sig=…    its address, with a shared access signature
//   blob:https://acct.blob.core.windows.net/app               the key comes from AZURE_STORAGE_CONNECTION_STRING
//   blob:app                                                  a container of that account, else of the local daemon's own
//   blob:@FILE                                                any of these, from a file
//
// Values only, but for the file.

import { readFileSync } from 'node:fs'
import { EhubError } from '../base/error.ts'
import type { BlobPlace } from '../client/blob-container.ts'

export interface BlobStoreRequest {
  /** What was given. */
  readonly text: string
  /** AZURE_STORAGE_CONNECTION_STRING; undefined or empty: not set. */
  readonly accountString: string | undefined
  /** Connection string of the local daemon's own account. @throws EhubError `daemon-not-running`. */
  readonly findOwnAccount: () => Promise<string>
  readonly warn: (text: string) => void
}

interface Account {
  /** Of the account, without a slash at the end. */
  readonly url: string
  readonly name: string
  readonly credentials: BlobPlace['credentials']
}

/** null: `daemon`. @throws EhubError `usage`, `argument-error`, `file-not-found`, `daemon-not-running`. */
export async function parseBlobStore(request: BlobStoreRequest): Promise<BlobPlace | null> {
  const { text, warn } = request
  if (text === 'daemon') return null
  if (!text.startsWith('blob:')) {
    throw new EhubError('usage', `--store "${text}" is neither daemon nor blob:URL`, {
      hint: 'blob:https://ACCOUNT.blob.core.windows.net/CONTAINER, blob:CONTAINER or blob:@FILE',
    })
  }
  const place = text.slice('blob:'.length)
  if (place.startsWith('@')) return parsePlace(readText(place.slice(1)), request)
  if (/[?&]sig=/.test(place)) {
    warn('a signature in an argument shows up in `ps` and in the shell history: give blob:@FILE')
  }
  return parsePlace(place, request)
}

async function parsePlace(text: string, { accountString = '', findOwnAccount }: BlobStoreRequest): Promise<BlobPlace> {
  if (/^https?:/i.test(text)) return placeOfUrl(text, accountString === '' ? null : parseAccount(accountString))
  const account = parseAccount(accountString === '' ? await findOwnAccount() : accountString)
  return { url: `${account.url}/${checkedContainer(text)}`, container: text, credentials: account.credentials }
}

function placeOfUrl(text: string, account: Account | null): BlobPlace {
  if (!URL.canParse(text)) throw new EhubError('usage', '--store: the address of the container is no URL')
  const url = new URL(text)
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  const container = checkedContainer(segments.at(-1) ?? '')
  const address = `${url.origin}/${segments.join('/')}`
  if (url.searchParams.has('sig')) {
    return { url: address, container, credentials: { kind: 'sas', query: url.search.slice(1) } }
  }
  // The account is the first label of the host, or where that is an address, the first segment.
  const isTheirs =
    account !== null && (address.startsWith(`${account.url}/`) || url.hostname.split('.')[0] === account.name)
  return { url: address, container, credentials: isTheirs ? account.credentials : { kind: 'none' } }
}

/** @throws EhubError `argument-error`. */
function parseAccount(text: string): Account {
  const fields = new Map<string, string>()
  for (const part of text.trim().split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) fields.set(part.slice(0, equals).toLowerCase(), part.slice(equals + 1))
  }
  const field = (name: string): string => fields.get(name) ?? ''
  const name = field('accountname')
  const made = `${field('defaultendpointsprotocol') || 'https'}://${name}.blob.${field('endpointsuffix') || 'core.windows.net'}`
  const url = (field('blobendpoint') || (name === '' ? '' : made)).replace(/\/+$/, '')
  if (!URL.canParse(url)) {
    throw new EhubError('argument-error', 'the connection string of the storage account names no account', {
      hint: 'AZURE_STORAGE_CONNECTION_STRING needs AccountName and AccountKey, or BlobEndpoint',
    })
  }
  const key = field('accountkey')
  const signature = field('sharedaccesssignature').replace(/^\?/, '')
  if (name !== '' && key !== '') return { url, name, credentials: { kind: 'key', account: { name, key } } }
  return { url, name, credentials: signature === '' ? { kind: 'none' } : { kind: 'sas', query: signature } }
}

function checkedContainer(name: string): string {
  if (/^[a-z0-9$][a-z0-9-]{2,62}$/.test(name)) return name
  throw new EhubError('usage', `--store: "${name}" cannot be the name of a container`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EhubError('file-not-found', `cannot read "${path}": ${reason}`, { cause: error })
  }
}
