// Connection strings of storage accounts: `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=…`, with an
// endpoint of their own (`BlobEndpoint=…`), a shared access signature instead of a key, or `UseDevelopmentStorage=true`.
// Source: "Configure Azure Storage connection strings". No key or signature ever appears in an error.

import { EhubError } from '../../base/error.ts'
import type { SigningAccount } from './shared-key.ts'

export interface BlobAccount {
  /** `https://acct.blob.core.windows.net`, `http://127.0.0.1:10000/devstoreaccount1`: without a slash at its end. */
  readonly endpoint: string
  readonly credentials:
    | { readonly kind: 'key'; readonly account: SigningAccount }
    /** The query, without its question mark. */
    | { readonly kind: 'sas'; readonly query: string }
}

/** The emulator's account: name and key are published, so no secret. */
const development = {
  AccountName: 'devstoreaccount1',
  AccountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  BlobEndpoint: 'http://127.0.0.1:10000/devstoreaccount1',
} as const

/** @throws EhubError `argument-error` naming the part that is missing. */
export function parseAccountString(text: string): BlobAccount {
  const given = new Map<string, string>()
  for (const part of text.split(';')) {
    const equals = part.indexOf('=')
    if (equals > 0) given.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim())
  }
  const isDevelopment = given.get('usedevelopmentstorage')?.toLowerCase() === 'true'
  const value = (
    name: keyof typeof development | 'SharedAccessSignature' | 'EndpointSuffix' | 'DefaultEndpointsProtocol',
  ) =>
    given.get(name.toLowerCase()) ?? (isDevelopment && name in development ? Reflect.get(development, name) : undefined)
  const name = value('AccountName')
  const endpoint =
    value('BlobEndpoint') ?? accountEndpoint(name, value('DefaultEndpointsProtocol'), value('EndpointSuffix'))
  if (endpoint === null || !URL.canParse(endpoint)) throw wrong('neither AccountName nor a BlobEndpoint that is a URL')
  const key = value('AccountKey')
  const query = value('SharedAccessSignature')?.replace(/^\?/, '')
  if (name !== undefined && key !== undefined) {
    return { endpoint: endpoint.replace(/\/+$/, ''), credentials: { kind: 'key', account: { name, key } } }
  }
  if (query === undefined || query === '') throw wrong('neither AccountName with AccountKey nor SharedAccessSignature')
  return { endpoint: endpoint.replace(/\/+$/, ''), credentials: { kind: 'sas', query } }
}

function accountEndpoint(name: string | undefined, protocol = 'https', suffix = 'core.windows.net'): string | null {
  return name === undefined ? null : `${protocol}://${name}.blob.${suffix}`
}

function wrong(what: string): EhubError {
  return new EhubError('argument-error', `the connection string of the storage account has ${what}`, {
    hint: 'copy it from "Access keys" of the account, or: ehub connection-string --for blob',
  })
}
