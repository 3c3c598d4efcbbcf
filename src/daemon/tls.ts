// A certificate authority of this machine and a server certificate made by it, so that clients can use TLS against a local
// daemon by trusting one file. Made once and kept with mode 0600; the server's is made anew when it lapses or the machine
// got another name. `@peculiar/x509` is loaded only when something has to be made.

import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SecureVersion } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'

export interface ServerTls {
  /** Server certificate followed by the authority's, PEM. */
  readonly certificate: string
  readonly key: string
  /** The authority's certificate: what a client has to trust. */
  readonly caFile: string
}

export interface TlsOptions {
  /** Folder for the four files, made when missing. */
  readonly folder: string
  readonly hostName: string
  readonly clock: Clock
  readonly random: Random
}

/** TLS 1.2 and later only (reliability S12). */
export const tlsVersionMin: SecureVersion = 'TLSv1.2'

const dayMs = 86_400_000
const authorityDays = 3650
// What current clients accept at most of a server certificate.
const serverDays = 397
const renewBeforeMs = 30 * dayMs

interface Issued {
  readonly certificate: string
  readonly key: string
}

/**
 * What is there, made when it is missing or no longer good.
 * @throws EhubError `tls-failed` when the files cannot be read, written, or are open to others.
 */
export async function serverTls(options: TlsOptions): Promise<ServerTls> {
  const present = presentServerTls(options)
  if (present !== null) return present
  const { folder } = options
  try {
    if (readAuthority(folder, options.clock) === null) await makeAll(options)
    const authority = readAuthority(folder, options.clock)
    if (authority === null) throw new Error('it holds no usable authority')
    const made = presentServerTls(options)
    if (made !== null) return made
    const { server } = await issue(options, authority)
    writePair(folder, 'server', server)
    return together(folder, server, authority)
  } catch (error) {
    throw unusable(folder, error)
  }
}

// Put together beside its place and renamed into it: of several daemons that start at once one wins, and all use its files.
async function makeAll(options: TlsOptions): Promise<void> {
  const { folder } = options
  const unfinished = `${folder}.${options.random.bytes(6).toString('hex')}`
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  try {
    const { authority, server } = await issue(options, null)
    writePair(unfinished, 'ca', authority)
    writePair(unfinished, 'server', server)
    // What lies there without a usable authority is of no use to anybody.
    if (existsSync(folder) && readAuthority(folder, options.clock) === null) rmSync(folder, { recursive: true })
    renameSync(unfinished, folder)
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}

/** As `serverTls`, null when something would have to be made. */
export function presentServerTls(options: TlsOptions): ServerTls | null {
  const { folder } = options
  try {
    const authority = readAuthority(folder, options.clock)
    const server = readPair(folder, 'server')
    if (authority === null || server === null || !isGood(server, authority, options)) return null
    return together(folder, server, authority)
  } catch (error) {
    throw unusable(folder, error)
  }
}

function together(folder: string, server: Issued, authority: Issued): ServerTls {
  return {
    certificate: server.certificate + authority.certificate,
    key: server.key,
    caFile: join(folder, 'ca.pem'),
  }
}

function unusable(folder: string, error: unknown): EhubError {
  if (error instanceof EhubError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new EhubError('tls-failed', `the certificates in "${folder}" cannot be used: ${reason}`, {
    hint: 'Remove that folder to have new ones made, or start with --tls off.',
    cause: error,
  })
}

/** null also when its parts do not belong together or it lapses soon. */
function readAuthority(folder: string, clock: Clock): Issued | null {
  const pair = readPair(folder, 'ca')
  if (pair === null) return null
  const certificate = new X509Certificate(pair.certificate)
  const isSound = certificate.checkPrivateKey(createPrivateKey(pair.key))
  return isSound && Date.parse(certificate.validTo) - renewBeforeMs > clock.now() ? pair : null
}

function isGood(server: Issued, authority: Issued, { hostName, clock }: TlsOptions): boolean {
  const certificate = new X509Certificate(server.certificate)
  return (
    certificate.verify(new X509Certificate(authority.certificate).publicKey) &&
    Date.parse(certificate.validTo) - renewBeforeMs > clock.now() &&
    certificate.checkHost(hostName) !== undefined &&
    certificate.checkPrivateKey(createPrivateKey(server.key))
  )
}

async function issue(
  { hostName, clock, random }: TlsOptions,
  present: Issued | null,
): Promise<{ authority: Issued; server: Issued }> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const serialNumber = () => `00${random.bytes(15).toString('hex')}`
  const span = (days: number) => ({
    // An hour back, for clients whose clock is behind.
    notBefore: new Date(clock.now() - 3_600_000),
    notAfter: new Date(clock.now() + days * dayMs),
  })

  let authority = present
  let authorityKeys: webcrypto.CryptoKeyPair
  if (authority === null) {
    authorityKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: `CN=ehub local authority (${escapeName(hostName)})`,
      ...span(authorityDays),
      signingAlgorithm: algorithm,
      keys: authorityKeys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
      ],
    })
    authority = { certificate: `${certificate.toString('pem')}\n`, key: await exportKey(authorityKeys.privateKey) }
  } else {
    authorityKeys = await importKeys(authority, algorithm)
  }

  const serverKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const names = ['localhost', ...(hostName === 'localhost' ? [] : [hostName])]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: new x509.X509Certificate(authority.certificate).subject,
    ...span(serverDays),
    signingAlgorithm: algorithm,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
    ],
  })
  const server = { certificate: `${certificate.toString('pem')}\n`, key: await exportKey(serverKeys.privateKey) }
  return { authority, server }
}

async function importKeys(pair: Issued, algorithm: webcrypto.EcKeyImportParams): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = createPrivateKey(pair.key).export({ type: 'pkcs8', format: 'der' })
  const spki = new X509Certificate(pair.certificate).publicKey.export({ type: 'spki', format: 'der' })
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()
}

// A name in a certificate's subject: what could be syntax there is left out.
function escapeName(name: string): string {
  return name.replace(/[^A-Za-z0-9.-]/g, '_')
}

function readPair(folder: string, name: string): Issued | null {
  const [certificatePath, keyPath] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  if (!existsSync(certificatePath) || !existsSync(keyPath)) return null
  if ((lstatSync(keyPath).mode & 0o077) !== 0) {
    throw new EhubError('tls-failed', `the key "${keyPath}" is open to other users`, {
      hint: `Close it with: chmod 600 ${keyPath}`,
    })
  }
  return { certificate: readFileSync(certificatePath, 'utf8'), key: readFileSync(keyPath, 'utf8') }
}

// Key first: a certificate without its key would be taken for a pair that is there.
function writePair(folder: string, name: string, { certificate, key }: Issued): void {
  for (const [file, text] of [
    [`${name}.key`, key],
    [`${name}.pem`, certificate],
  ] as const) {
    const path = join(folder, file)
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
}
