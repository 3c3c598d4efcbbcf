// Requests and replies over a pair of links: `$cbs` and `$management`. Replies are told apart by their correlation id.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { requestKeys } from '../wire/amqp/names.ts'
import { errorOfCondition } from './amqp-conditions.ts'

export interface RequestReply {
  readonly status: number
  /** As rhea decodes it: maps are objects, arrays arrays, timestamps dates, longs numbers. */
  readonly body: unknown
}

interface Waiting {
  readonly what: string
  readonly resolve: (reply: RequestReply) => void
  readonly reject: (error: EhubError) => void
}

export class AmqpRequestNode {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #replyTo: string
  readonly #send: (message: object) => void
  readonly #waiting = new Map<string, Waiting>()
  #count = 0

  constructor(clock: Clock, timeoutMs: number, replyTo: string, send: (message: object) => void) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#replyTo = replyTo
    this.#send = send
  }

  /** @param what For the error: what was asked. @throws EhubError for a status other than 2xx, `timeout`. */
  request(body: unknown, properties: Readonly<Record<string, unknown>>, what: string): Promise<RequestReply> {
    this.#count += 1
    const id = `${this.#replyTo}-${this.#count}`
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        deadline.cancel()
        this.#waiting.delete(id)
        finish()
      }
      const deadline = this.#clock.schedule(this.#timeoutMs, () => {
        end(() => reject(new EhubError('timeout', `${what}: no answer within ${this.#timeoutMs} ms`)))
      })
      this.#waiting.set(id, {
        what,
        resolve: (reply) => end(() => resolve(reply)),
        reject: (error) => end(() => reject(error)),
      })
      this.#send({ message_id: id, reply_to: this.#replyTo, application_properties: properties, body })
    })
  }

  /** @param message As rhea decodes it. */
  onReply(message: unknown): void {
    const reply = (message ?? {}) as {
      readonly correlation_id?: unknown
      readonly application_properties?: Readonly<Record<string, unknown>>
      readonly body?: unknown
    }
    const waiting = this.#waiting.get(String(reply.correlation_id))
    if (waiting === undefined) return
    const properties = reply.application_properties ?? {}
    // Older nodes of the service write statusCode.
    const status = Number(properties[requestKeys.statusCode] ?? properties.statusCode)
    if (status >= 200 && status < 300) return waiting.resolve({ status, body: reply.body })
    const description = properties[requestKeys.statusDescription] ?? properties.statusDescription
    const condition = properties[requestKeys.errorCondition] ?? conditionOfStatus[status]
    waiting.reject(
      errorOfCondition(
        typeof condition === 'string' ? condition : null,
        typeof description === 'string' ? description : `status ${status}`,
        waiting.what,
      ),
    )
  }

  /** All requests under way fail: the links are gone. */
  fail(error: EhubError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error)
  }
}

// What a status means where the node sends no condition (reference facts of the official SDKs).
const conditionOfStatus: Readonly<Record<number, string>> = {
  400: 'com.microsoft:argument-error',
  401: 'amqp:unauthorized-access',
  403: 'amqp:resource-limit-exceeded',
  404: 'amqp:not-found',
  408: 'com.microsoft:timeout',
  410: 'amqp:link:stolen',
  500: 'amqp:internal-error',
  501: 'amqp:not-implemented',
  503: 'com.microsoft:server-busy',
}
