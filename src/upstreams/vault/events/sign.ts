/**
 * Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): what
 * proves to a receiver that a request comes from here, is whole and is new.
 */
import { createHmac } from 'node:crypto'
import { reveal } from '../../kit.ts'
import type { Secret } from '../../kit.ts'

/** 24 to 64 bytes in base64, which `whsec_` may stand before. */
export const webhookSecret = /^(?:whsec_)?[A-Za-z0-9+/]+={0,2}$/

/** Whether the secret has the length that the specification asks for. */
export function isLongEnough(text: string): boolean {
  const { length } = bytesOf(text)
  return length >= 24 && length <= 64
}

/**
 * The headers of one delivery, signed with each secret: a receiver that knows one of them accepts it. `seconds`: Unix
 * time of this attempt.
 */
export function signatureHeaders(
  secrets: readonly Secret[],
  { id, seconds, body }: { readonly id: string; readonly seconds: number; readonly body: string },
): Readonly<Record<string, string>> {
  const signed = `${id}.${String(seconds)}.${body}`
  const signatures = secrets.map(
    (secret) =>
      `v1,${createHmac('sha256', bytesOf(reveal(secret)))
        .update(signed)
        .digest('base64')}`,
  )
  return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': signatures.join(' ') }
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text.replace(/^whsec_/, ''), 'base64')
}
