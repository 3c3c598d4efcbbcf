// Asks the daemon's HTTPS port as an SDK would begin: connects, checks the certificate against the daemon's own authority,
// waits for an answer. The only home of undici; loaded when somebody asks, it is not on any hot path.

import { readFileSync } from 'node:fs'

export interface ProbeTarget {
  readonly host: string
  readonly port: number
  /** PEM file of the authority to trust. */
  readonly caFile: string
  readonly timeoutMs: number
}

/** null when TLS works and something answers; else why not, as a clause. */
export async function probeHttps({ host, port, caFile, timeoutMs }: ProbeTarget): Promise<string | null> {
  const { Client } = await import('undici')
  const name = host.includes(':') ? `[${host}]` : host
  let client: InstanceType<typeof Client> | null = null
  try {
    client = new Client(`https://${name}:${port}`, {
      connect: { ca: readFileSync(caFile, 'utf8'), timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
    const { body } = await client.request({ method: 'GET', path: '/' })
    await body.dump()
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client?.destroy()
  }
}
