// What a daemon started in the background tells the command that started it, once, over the IPC channel between them.

import type { StatusReply } from './contract.ts'

export type ReadyMessage =
  | { readonly kind: 'ready'; readonly status: StatusReply }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint: string | null }
