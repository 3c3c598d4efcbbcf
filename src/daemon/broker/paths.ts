// Entity paths, as rights are asked for and resources are named in errors. Lower-case keywords; names as they are.

export const namespacePath = ''

export function hubPath(hub: string): string {
  return hub
}

/** What reading a hub's properties asks for: tokens are signed for the hub or for this. */
export function managementPath(hub: string): string {
  return `${hub}/$management`
}

export function publishPath(hub: string, partition: string | null): string {
  return partition === null ? hub : `${hub}/partitions/${partition}`
}

export function groupPath(hub: string, group: string): string {
  return `${hub}/consumergroups/${group}`
}

export function receivePath(hub: string, group: string, partition: string): string {
  return `${hub}/consumergroups/${group}/partitions/${partition}`
}
