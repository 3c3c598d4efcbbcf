// The operations of the control API that are about Capture: one call of the service and its translation.

import { EhubError } from '../../../base/error.ts'
import type { CaptureFileReply, CaptureOperations, CaptureReply } from '../../../wire/control/capture-contract.ts'
import {
  captureDefaults,
  type CaptureEncoding,
  captureEncodings,
  isCaptureEncoding,
} from '../../broker/capture-settings.ts'
import type { CapturedHub, Captures } from '../../broker/captures-api.ts'
import type { CapturedFile, CaptureService, HubStatus } from './capture-service.ts'
import { destinationOrDefault } from './destinations.ts'

export type CaptureHandlers = {
  readonly [O in keyof CaptureOperations]: (
    request: CaptureOperations[O]['request'],
  ) => CaptureOperations[O]['reply'] | Promise<CaptureOperations[O]['reply']>
}

const limitDefault = 1000
const limitMax = 10_000

/** @param namespace Of the owner, who asks. */
export function captureHandlers(service: CaptureService, captures: Captures, namespace: string): CaptureHandlers {
  const captured = (hub: string): CapturedHub => {
    const found = captures.find(namespace, hub)
    if (found !== null) return found
    throw new EhubError('not-allowed', `hub "${hub}" was never captured`, { hint: `ehub capture ${hub} --enable` })
  }
  return {
    describeCapture: ({ hub }) => {
      const found = service.find(namespace, hub)
      return { capture: found === null ? null : captureReply(found) }
    },
    enableCapture: async ({ hub, encoding, destination, credentials, ...given }) => {
      const before = captures.find(namespace, hub)
      const known = before ?? captureDefaults
      const place =
        destination === undefined && before !== null
          ? { destination: before.destination, credentials: credentials ?? before.credentials }
          : destinationOrDefault(destination, credentials)
      const settings = {
        intervalMs: given.intervalMs ?? known.intervalMs,
        sizeBytes: given.sizeBytes ?? known.sizeBytes,
        nameFormat: given.nameFormat ?? known.nameFormat,
        isSkippingEmpty: given.isSkippingEmpty ?? known.isSkippingEmpty,
        encoding: encoding === undefined ? known.encoding : parseEncoding(encoding),
      }
      return captureReply(await service.enable(namespace, hub, { ...settings, ...place }))
    },
    disableCapture: async ({ hub }) => {
      await service.disable(namespace, hub)
      return {}
    },
    flushCapture: async ({ hub }) => {
      const found = captured(hub)
      if (!found.isEnabled) throw new EhubError('not-allowed', `Capture of hub "${found.hub}" is off`)
      return { files: await service.flush(found) }
    },
    listCapture: async ({ hub, partition, limit = limitDefault }) => {
      if (limit < 1 || limit > limitMax) {
        throw new EhubError('argument-out-of-range', `a limit of ${limit} files is not between 1 and ${limitMax}`)
      }
      const files: CaptureFileReply[] = []
      for await (const file of service.files(captured(hub), partition ?? null, limit)) files.push(fileReply(file))
      return { files }
    },
  }
}

export function captureReply({ hub, partitions }: HubStatus): CaptureReply {
  const { isEnabled, intervalMs, sizeBytes, nameFormat, isSkippingEmpty, encoding, destination, credentials } = hub
  const settings = { isEnabled, intervalMs, sizeBytes, nameFormat, isSkippingEmpty, encoding, destination, credentials }
  return { hub: hub.hub, ...settings, partitions }
}

function fileReply({ partition, windowStartMs, name, events, bytes, firstSequence, lastSequence }: CapturedFile) {
  return { partition, windowStartMs, name, events, bytes, firstSequence, lastSequence }
}

function parseEncoding(text: string): CaptureEncoding {
  if (isCaptureEncoding(text)) return text
  throw new EhubError('argument-error', `"${text}" is no encoding of Capture: it is ${captureEncodings.join(', ')}`)
}
