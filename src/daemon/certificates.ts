// Certificates for a daemon that is to stay small: what makes them would leave 10 MB behind in its process, so a short-lived
// one of the same program makes them, beside the start of everything else.

import { spawn } from 'node:child_process'
import { presentServerTls, type ServerTls, serverTls, type TlsOptions } from './tls.ts'

/**
 * @param self Command that runs this program again; null: make them in this process.
 * @throws EhubError `tls-failed`.
 */
export async function certificates(options: TlsOptions, self: readonly string[] | null): Promise<ServerTls> {
  const present = presentServerTls(options)
  if (present !== null) return present
  if (self !== null) await makeApart(options, self)
  // Reads what was made; makes it here when the other process could not, and then says why it cannot either.
  return serverTls(options)
}

function makeApart({ folder, hostName }: TlsOptions, self: readonly string[]): Promise<void> {
  const [command = '', ...words] = self
  const argv = [...words, 'daemon', 'certificates', '--folder', folder, '--host-name', hostName]
  return new Promise((resolve) => {
    const child = spawn(command, argv, { stdio: 'ignore' })
    child.on('error', () => resolve())
    child.on('exit', () => resolve())
  })
}
