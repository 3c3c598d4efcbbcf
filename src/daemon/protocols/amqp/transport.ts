// What a connection knows of the bytes below it: an ordered pair of byte streams. Implemented by `socket-reader.ts`
// (TCP, TLS, any Duplex) and `websocket.ts`. Not safe for concurrent use; everything happens on one event loop.

export interface TransportEvents {
  /**
   * Bytes from the peer, in order. `chunk` is the connection's to read and to overwrite during the call and is gone
   * afterwards: the next read reuses it.
   */
  bytes(chunk: Buffer): void
  /** Everything written so far has left: `pendingBytes` is 0 again. May be called when nothing was pending. */
  written(): void
  /** Once, last: no more bytes either way. `error` is null after an orderly end. */
  closed(error: Error | null): void
}

export interface Transport {
  /** For logs, errors and the cap on connections of one address. */
  readonly remoteAddress: string
  /** Bytes written that the kernel has not taken yet. 0 right after `write`: its buffer is free again. */
  readonly pendingBytes: number
  /** Begins delivering events. Called once. */
  start(events: TransportEvents): void
  /** Queues the bytes; they must stay as they are until `pendingBytes` is 0 again. */
  write(bytes: Buffer): void
  pause(): void
  resume(): void
  /** Sends what is pending, then ends our direction. */
  end(): void
  /** Drops what is pending. */
  destroy(): void
}
