// Content of larger blobs, below the data folder.

import type { Random } from '../base/random.ts'
import type { Broker } from './broker/broker-api.ts'
import { BlobFiles } from './protocols/blob/blob-files.ts'
import { NodeDisk } from './storage/node-disk.ts'

/** @param dataFolder Its lock is held; null: nothing is kept, so there are small blobs only. */
export async function openBlobFiles(
  dataFolder: string | null,
  { blobs }: Broker,
  random: Random,
): Promise<BlobFiles | null> {
  return dataFolder === null ? null : BlobFiles.open({ disk: new NodeDisk(dataFolder), blobs, random })
}
