/**
 * A value that never prints: `inspect`, `JSON.stringify`, template strings and `structuredClone` all show
 * `[redacted]` (TRUST S8). The value itself lives in a WeakMap and leaves through `reveal` alone, so that every
 * place where a secret leaves the process can be found by that one name.
 */
import { inspect } from 'node:util'

const REDACTED = '[redacted]'
const values = new WeakMap<Secret, string>()

/** An opaque handle; its own property exists so that a structured clone shows what it was. */
export interface Secret {
  readonly secret: typeof REDACTED
}

const prototype = {
  toString: () => REDACTED,
  toJSON: () => REDACTED,
  [inspect.custom]: () => REDACTED,
  [Symbol.toPrimitive]: () => REDACTED,
}

/** Wraps a value; the handle can be logged, thrown and cloned without showing it. */
export function secret(value: string): Secret {
  const handle = Object.freeze(Object.assign(Object.create(prototype) as object, { secret: REDACTED } as const))
  values.set(handle, value)
  return handle
}

/** The value behind the handle. Call it only where the secret leaves on purpose. */
export function reveal(handle: Secret): string {
  const value = values.get(handle)
  if (value === undefined) throw new TypeError('reveal: not a Secret of this process')
  return value
}
