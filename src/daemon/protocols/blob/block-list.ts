// Names of blocks and lists of them. Source: "Put Block", "Put Block List".

import { BlobRefusal } from './refusals.ts'

/** 2,000 ids of 64 bytes in their elements fit many times. */
export const blockListBytesMax = 1024 * 1024
const blockIdLengthMax = 88

/** Base64 of at most 64 bytes. @throws BlobRefusal `InvalidQueryParameterValue`. */
export function blockIdOf(query: ReadonlyMap<string, string>): string {
  const id = query.get('blockid') ?? ''
  if (id !== '' && id.length <= blockIdLengthMax && /^[A-Za-z0-9+/]+={0,2}$/.test(id)) return id
  throw new BlobRefusal(400, 'InvalidQueryParameterValue', '"blockid" is not base64 of 1 to 64 bytes')
}

/** Ids in order. @throws BlobRefusal `InvalidXmlDocument`, `InvalidBlockList` for blocks of the blob there is. */
export function parseBlockList(xml: string): readonly string[] {
  const [, list] = /<BlockList(?:\s*\/>|>(.*)<\/BlockList>)\s*$/s.exec(xml) ?? [null, null]
  if (list === null) throw new BlobRefusal(400, 'InvalidXmlDocument', 'the body is no list of blocks')
  return Array.from((list ?? '').matchAll(/<(Latest|Uncommitted|Committed)>([^<]*)<\/\1>/g), ([, kind, id = '']) => {
    if (kind !== 'Committed') return id.trim()
    throw new BlobRefusal(400, 'InvalidBlockList', 'blocks of the blob there is are not kept: put all blocks anew')
  })
}
