/**
 * A value that never prints: `inspect`, `JSON.stringify`, template strings and `structuredClone` show `[redacted]`
 * (docs/promises.md S8). A WeakMap holds the values, and only `reveal` returns them, so that every place where a secret
 * leaves the process can be found by that name.
 */
import { hash } from 'node:crypto'
import { inspect } from 'node:util'

const REDACTED = '[redacted]'
const values = new WeakMap<Secret, string>()

/** An opaque handle. Its own property makes a structured clone show what it was. */
export interface Secret {
  readonly secret: typeof REDACTED
}

const prototype = {
  toString: () => REDACTED,
  toJSON: () => REDACTED,
  [inspect.custom]: () => REDACTED,
  [Symbol.toPrimitive]: () => REDACTED,
}

/** Wraps a value. The handle can be logged, thrown and cloned without showing it. */
export function secret(value: string): Secret {
  const handle = Object.freeze(Object.assign(Object.create(prototype) as object, { secret: REDACTED } as const))
  values.set(handle, value)
  return handle
}

/**
 * A key in PEM whose line breaks may be written as `\n`, two characters, as `.env` files and the forms of hosting
 * platforms keep them on one line.
 */
export function pemText(pem: string): string {
  return pem.includes('\n') ? pem : pem.replaceAll('\\n', '\n')
}

/**
 * The SHA-256 of a text, as 32 bytes. By way of hexadecimal, which Node answers three times as fast as with a Buffer
 * (24.21).
 */
export function sha256(text: string): Buffer {
  return Buffer.from(hash('sha256', text, 'hex'), 'hex')
}

/** The length of the value behind a handle; 0 where there is none. */
export function secretLength(handle: object): number {
  return values.get(handle as Secret)?.length ?? 0
}

/** Whether a value is a handle of this process. */
export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && values.has(value as Secret)
}

/** Returns the value behind a handle. Call it only where the secret has to leave the process or be used. */
export function reveal(handle: Secret): string {
  const value = values.get(handle)
  if (value === undefined) throw new TypeError('reveal: not a Secret of this process')
  return value
}
