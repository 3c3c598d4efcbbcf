// Capture files in a container of Azure's blobs, of Azurite or of a daemon's own endpoint.
//
//   blob:https://ACCOUNT.blob.core.windows.net/CONTAINER[/PREFIX][?SAS]     signed by the address, or open
//   blob:CONTAINER[/PREFIX]                                                 of the account of AZURE_STORAGE_CONNECTION_STRING

import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import { hmacOf, stringToSign } from '../../wire/blob/shared-key.ts'
import { parseBlobRequest } from '../../wire/blob/request.ts'
import { type CaptureSource, isCaptureName, type SourceFile } from './capture-source.ts'
import { answerTimeout, elementsOf, readRemote, readText, type Requester } from './remote-files.ts'

type Env = Readonly<Record<string, string | undefined>>

/** As the checkpoint endpoint and Azurite know it. */
const serviceVersion = '2021-12-02'

export interface BlobAccount {
  /** Address of the account, without a slash at the end. */
  readonly endpoint: string
  readonly name: string
  /** Base64; null: the address is signed, or the container is open. */
  readonly key: string | null
  /** Query that signs, without `?`. */
  readonly sas: string
}

/** @throws EhubError `usage`. */
export function openBlobSource(text: string, env: Env, clock: Clock): CaptureSource {
  if (!/^https?:\/\//i.test(text)) {
    const connection = env.AZURE_STORAGE_CONNECTION_STRING ?? ''
    if (connection === '') {
      throw new EhubError('usage', `"blob:${text}" names a container, but no account`, {
        hint: 'give its whole address, or AZURE_STORAGE_CONNECTION_STRING in the environment',
      })
    }
    return blobSource(accountOfConnectionString(connection), text, clock)
  }
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    throw new EhubError('usage', `"${withoutQuery(text)}" is no address`, { cause: error })
  }
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  // Path style: the first segment is the account, as in every local emulator.
  const isPathStyle = !url.hostname.includes('.blob.')
  const name = isPathStyle ? (segments.shift() ?? '') : (url.hostname.split('.')[0] ?? '')
  if (segments.length === 0) throw new EhubError('usage', `"${withoutQuery(text)}" names no container`)
  const endpoint = isPathStyle ? `${url.origin}/${name}` : url.origin
  const key = keyFor(name, env)
  const account = { endpoint, name, key, sas: url.search.slice(1) }
  return blobSource(account, segments.map(decodeURIComponent).join('/'), clock)
}

/** @param place Container, and after a slash what names begin with. */
export function blobSource(account: BlobAccount, place: string, clock: Clock): CaptureSource {
  const slash = place.indexOf('/')
  const container = slash < 0 ? place : place.slice(0, slash)
  const prefix = slash < 0 ? '' : place.slice(slash + 1)
  const label = `blob:${account.endpoint}/${container}${prefix === '' ? '' : `/${prefix}`}`
  const request = requester(account, clock)
  const base = `${account.endpoint}/${encodeURIComponent(container)}`
  const open = (name: string): SourceFile['open'] => {
    const url = signed(new URL(`${base}/${name.split('/').map(encodeURIComponent).join('/')}`), account)
    return () => readRemote(request, url, `blob ${container}/${name}`)
  }
  return {
    label,
    list: async () => {
      const files: SourceFile[] = []
      let marker = ''
      do {
        const url = signed(new URL(base), account)
        url.searchParams.set('restype', 'container')
        url.searchParams.set('comp', 'list')
        if (prefix !== '') url.searchParams.set('prefix', prefix)
        if (marker !== '') url.searchParams.set('marker', marker)
        const xml = await readText(request, url, `container ${container} at ${account.endpoint}`)
        for (const blob of elementsOf(xml, 'Blob')) {
          const [name = ''] = elementsOf(blob, 'Name')
          const bytes = Number(elementsOf(blob, 'Content-Length')[0] ?? Number.NaN)
          if (!isCaptureName(name)) continue
          files.push({
            label: `${account.endpoint}/${container}/${name}`,
            name,
            bytes: Number.isSafeInteger(bytes) ? bytes : null,
            open: open(name),
          })
        }
        marker = elementsOf(xml, 'NextMarker')[0] ?? ''
      } while (marker !== '')
      return files
    },
  }
}

/** Names and values of a storage connection string. @throws EhubError `argument-error`, without showing the string. */
export function accountOfConnectionString(text: string): BlobAccount {
  const parts = new Map<string, string>()
  for (const part of text.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) parts.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim())
  }
  if (parts.get('usedevelopmentstorage')?.toLowerCase() === 'true') {
    return { endpoint: 'http://127.0.0.1:10000/devstoreaccount1', name: 'devstoreaccount1', key: devKey, sas: '' }
  }
  const name = parts.get('accountname') ?? ''
  const protocol = parts.get('defaultendpointsprotocol') ?? 'https'
  const suffix = parts.get('endpointsuffix') ?? 'core.windows.net'
  const endpoint = parts.get('blobendpoint') ?? (name === '' ? '' : `${protocol}://${name}.blob.${suffix}`)
  const sas = parts.get('sharedaccesssignature') ?? ''
  const key = parts.get('accountkey') ?? null
  if (endpoint === '' || (key === null && sas === '')) {
    throw new EhubError('argument-error', 'AZURE_STORAGE_CONNECTION_STRING names no account with a key or a signature')
  }
  return { endpoint: endpoint.replace(/\/+$/, ''), name, key, sas: sas.replace(/^\?/, '') }
}

/** Of the emulator's account, the same everywhere and no secret (Azurite's documentation). */
const devKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

function keyFor(name: string, env: Env): string | null {
  const connection = env.AZURE_STORAGE_CONNECTION_STRING ?? ''
  if (connection !== '') {
    const account = accountOfConnectionString(connection)
    if (account.name === name) return account.key
  }
  return env.AZURE_STORAGE_ACCOUNT === name ? (env.AZURE_STORAGE_KEY ?? null) : null
}

function signed(url: URL, { sas }: BlobAccount): URL {
  if (sas !== '') url.search = sas
  return url
}

function requester(account: BlobAccount, clock: Clock): Requester {
  return (url, rangeFrom) => {
    const headers = new Map([
      ['x-ms-version', serviceVersion],
      ['x-ms-date', new Date(clock.now()).toUTCString()],
      ...(rangeFrom > 0 ? ([['range', `bytes=${rangeFrom}-`]] as const) : []),
    ])
    if (account.key !== null && account.sas === '') {
      const path = url.pathname + url.search
      const text = stringToSign(parseBlobRequest('GET', path, headers), account.name)
      headers.set('authorization', `SharedKey ${account.name}:${hmacOf(text, account.key).toString('base64')}`)
    }
    return fetch(url, { headers: [...headers], signal: answerTimeout() })
  }
}

function withoutQuery(text: string): string {
  return text.split('?', 1)[0] ?? ''
}
