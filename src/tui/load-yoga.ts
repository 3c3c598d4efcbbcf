// Ink lays out with yoga, which is WebAssembly and compiles asynchronously. In the executable nothing may await while it
// loads, so there yoga exports a promise (scripts/build-ink.mjs); from the sources it is ready once imported.

import * as yoga from 'yoga-layout'

/** Await this before importing anything that imports Ink. */
export async function yogaReady(): Promise<void> {
  const ready: unknown = Reflect.get(yoga, 'yogaReady')
  await ready
}
