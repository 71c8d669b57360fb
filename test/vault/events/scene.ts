/** A receiver of events that is strict about Standard Webhooks, verified by the library of that project. */
import { onTestFinished } from 'vitest'
import { Webhook } from 'standardwebhooks'
import { startLocal } from '../../servers/local.ts'
import type { Received, Reply } from '../../servers/local.ts'

export const [OLD_SECRET, NEW_SECRET] = ['o', 'n'].map(
  (letter) => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`,
) as [string, string]

export interface Taken {
  readonly id: string
  readonly type: string
  readonly user: string
  readonly text: string
}

export async function startReceiver(secret = OLD_SECRET) {
  const taken: Taken[] = []
  const refused: string[] = []
  let trouble: ((request: Received) => Reply | null) | null = null
  const receiver = await startLocal((request) => {
    const reply = trouble?.(request) ?? null
    if (reply !== null) return reply
    const { headers, body } = request
    try {
      const event = new Webhook(secret).verify(body, headers as Record<string, string>) as {
        readonly type: string
        readonly data: { readonly user_id: string }
      }
      taken.push({ id: String(headers['webhook-id']), type: event.type, user: event.data.user_id, text: body })
      return { status: 204, raw: '' }
    } catch (error) {
      refused.push(error instanceof Error ? error.message : 'unknown')
      return { status: 401, body: {} }
    }
  })
  onTestFinished(() => receiver.close())
  return {
    url: `${receiver.url}/hooks`,
    calls: receiver.calls,
    taken,
    refused,
    fail(reply: ((request: Received) => Reply | null) | null) {
      trouble = reply
    },
    typesOf: (user: string) =>
      taken.filter((each) => each.user === user).map(({ type }) => type.replace('connection.', '')),
  }
}
