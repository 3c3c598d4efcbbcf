// Port policy (decision D11): the AMQP port taken is an error that says who may hold it and how to move; any other default
// port that is taken is skipped with a warning; a port somebody asked for is an error; 0 picks a free one.

import { isIP } from 'node:net'
import { EhubError } from '../base/error.ts'

export interface PortChoice {
  /** 0: any free one. */
  readonly port: number
  /** Asked for by flag, variable or file, rather than our default. */
  readonly isExplicit: boolean
}

export interface PortPurpose {
  /** For messages: `AMQP`. */
  readonly name: string
  /** `--amqp-port`. */
  readonly flag: string
  /** The daemon is of no use without it. */
  readonly isEssential: boolean
}

export type OpenedPort = { readonly port: number } | { readonly skipped: string }

/**
 * Opens a port by the policy.
 * @param listen Listens on the port and resolves to the one that was opened; rejects with the system's error.
 * @throws EhubError `port-taken`; `config-invalid` for an address that is not ours or a port we may not use.
 */
export async function openPort(
  purpose: PortPurpose,
  choice: PortChoice,
  host: string,
  listen: (port: number) => Promise<number>,
): Promise<OpenedPort> {
  try {
    return { port: await listen(choice.port) }
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new EhubError('config-invalid', `"${host}" is no address of this machine`, {
        hint: 'Choose another with --bind.',
        cause: error,
      })
    }
    if (code === 'EADDRINUSE') {
      const taken = `port ${choice.port} for ${purpose.name} is taken`
      if (!purpose.isEssential && !choice.isExplicit)
        return { skipped: `${taken}: not listening (${purpose.flag} moves it)` }
      throw new EhubError('port-taken', taken, {
        hint: `${holders(choice.port)} Move ehub with ${purpose.flag} PORT, or ${purpose.flag} 0 for any free port.`,
        cause: error,
      })
    }
    if (code === 'EACCES') {
      throw new EhubError('config-invalid', `no right to listen on port ${choice.port} for ${purpose.name}`, {
        hint: `Ports below 1024 need privileges; choose another with ${purpose.flag}.`,
        cause: error,
      })
    }
    throw error
  }
}

/**
 * The address to listen on. Names are not taken: one may stand for several addresses.
 * @throws EhubError `config-invalid`.
 */
export function bindAddress(text: string): string {
  if (text === 'localhost') return '127.0.0.1'
  if (isIP(text) !== 0) return text
  throw new EhubError('config-invalid', `--bind "${text}" is no IP address`, {
    hint: 'Use 127.0.0.1 for this machine only, 0.0.0.0 for every network.',
  })
}

// A server may have put its own words around the system's error.
function systemCode(error: unknown): unknown {
  if (error instanceof EhubError) return systemCode(error.cause)
  return error instanceof Error && 'code' in error ? error.code : undefined
}

const usualHolders: Readonly<Record<number, string>> = {
  5671: 'RabbitMQ and other AMQP brokers use it',
  5672: 'RabbitMQ, Qpid, ActiveMQ, the Event Hubs emulator and other ehub daemons use it',
  10000: 'Azurite uses it',
  8443: 'development web servers and application servers use it',
}

function holders(port: number): string {
  const usual = usualHolders[port]
  const look = `see who with: ss -ltnp 'sport = :${port}'`
  return usual === undefined ? `To ${look}.` : `${usual}; ${look}.`
}

/** Where this machine itself reaches what listens on `bind`. */
export function loopbackOf(bind: string): string {
  if (bind === '0.0.0.0') return '127.0.0.1'
  if (bind === '::') return '[::1]'
  return bind.includes(':') ? `[${bind}]` : bind
}
