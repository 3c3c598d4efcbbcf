// The clock's timers never keep a process alive, nor do promises: whoever waits for nothing else holds the process with this.

export interface Hold {
  /** Idempotent. */
  release(): void
}

/** Keeps the process alive until released. */
export function keepProcess(): Hold {
  const { port1 } = new MessageChannel()
  port1.ref()
  return { release: () => port1.close() }
}
