// Addresses of links. Clients write them as `hub/…`, `/hub/…` or a whole URL `amqps://host:port/hub/…`, percent-encoded
// or not, in any case; all of these name the same entity. The address is echoed to the client exactly as it came.

export type Address =
  | { readonly kind: 'cbs' }
  | { readonly kind: 'management'; readonly hub: string | null }
  | { readonly kind: 'hub'; readonly hub: string }
  | { readonly kind: 'partition'; readonly hub: string; readonly partition: string }
  | { readonly kind: 'publisher'; readonly hub: string; readonly publisher: string }
  | { readonly kind: 'consumer'; readonly hub: string; readonly group: string; readonly partition: string }
  | { readonly kind: 'unknown'; readonly path: string }

// A hub of 256 and a group of 50 characters, percent-encoded, and a host; nothing real is longer.
const addressLengthMax = 2048

/** Never throws: what cannot be understood is `unknown` and is refused where it is used. */
export function parseAddress(text: string): Address {
  if (text.length > addressLengthMax) return { kind: 'unknown', path: text.slice(0, 64) }
  const segments = entityPath(text)
    .split('/')
    .map((segment) => decodeSegment(segment))
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = segments
  const keyword = second.toLowerCase()
  switch (segments.length) {
    case 1:
      if (first.toLowerCase() === '$cbs') return { kind: 'cbs' }
      if (first.toLowerCase() === '$management') return { kind: 'management', hub: null }
      if (first !== '') return { kind: 'hub', hub: first }
      break
    case 2:
      if (keyword === '$management') return { kind: 'management', hub: first }
      break
    case 3:
      if (keyword === 'partitions') return { kind: 'partition', hub: first, partition: third }
      if (keyword === 'publishers') return { kind: 'publisher', hub: first, publisher: third }
      break
    case 5:
      if (keyword === 'consumergroups' && fourth.toLowerCase() === 'partitions') {
        return { kind: 'consumer', hub: first, group: third, partition: fifth }
      }
      break
  }
  return { kind: 'unknown', path: segments.join('/') }
}

/** The path below the host, without slashes at its ends; still percent-encoded. */
function entityPath(text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\/[^/]*(.*)$/is.exec(text)
  return (url?.[1] ?? text).replace(/^\/+|\/+$/g, '')
}

/** Decoded after splitting, so that an encoded slash stays part of a name and never makes a segment. */
function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/**
 * The namespace a client means by the host it names: the host's first label, '' when there is none to go by (an address in
 * numbers, nothing). Whether it exists, and which names are the local one, the broker decides.
 */
export function namespaceOfHost(host: string | null): string {
  if (host === null) return ''
  const name = host.replace(/:\d+$/, '')
  if (name === '' || name.startsWith('[') || /^[\d.]+$/.test(name) || name.includes(':')) return ''
  return (name.split('.', 1)[0] ?? '').toLowerCase()
}
