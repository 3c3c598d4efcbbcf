// The body of one request: read whole when it is small, else piece by piece, never more than was said.

import type { IncomingMessage } from 'node:http'
import { EhubError } from '../../../base/error.ts'
import { BlobRefusal } from './refusals.ts'

/** Azure: 4,000 MiB; SDKs send 4 to 8 MiB unless they are told otherwise. */
export const blockBytesMax = 100 * 1024 * 1024

export interface RequestBody {
  /** As the header says. */
  readonly bytes: number
  whole(): Promise<Buffer>
  /** In order; ends with an error when the client leaves. */
  chunks(): AsyncIterable<Buffer>
}

/**
 * @param onRead Called when it is here whole.
 * @throws BlobRefusal `RequestBodyTooLarge`, `MissingContentLengthHeader` for a body whose size is not said.
 */
export function bodyOf(incoming: IncomingMessage, bytesMax: number, onRead: () => void): RequestBody {
  const said = incoming.headers['content-length']
  if (said === undefined && incoming.headers['transfer-encoding'] !== undefined) {
    throw new BlobRefusal(411, 'MissingContentLengthHeader', 'say how long the body is')
  }
  const bytes = Number(said ?? 0)
  if (bytes > bytesMax) {
    throw new BlobRefusal(413, 'RequestBodyTooLarge', `a body of ${bytes} bytes: this call takes at most ${bytesMax}`)
  }
  const chunks = () => chunksOf(incoming, onRead)
  const whole = async () => {
    const pieces: Buffer[] = []
    for await (const chunk of chunks()) pieces.push(chunk)
    return Buffer.concat(pieces)
  }
  return { bytes, whole, chunks }
}

async function* chunksOf(incoming: IncomingMessage, onRead: () => void): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) yield chunk
    onRead()
  } catch (error) {
    // The client left in the middle of its request: nobody reads the answer.
    throw new EhubError('argument-error', 'the request ended early', { cause: error })
  }
}
