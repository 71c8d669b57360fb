/** docs/promises.md S8: whatever is done to a Secret but `reveal`, what comes out does not depend on its value. */
import { format, inspect } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { deepFreeze } from '../../src/config/load.ts'
import { CodedError, withDetails } from '../../src/errors.ts'
import { writeLog } from '../../src/log.ts'
import { reveal, secret } from '../../src/lib/secret.ts'
import type { Secret } from '../../src/lib/secret.ts'
import { codePoint } from '../kit/text.ts'

const bare = (handle: Secret) => handle as unknown as string

/** An error that carries the handle in every place where one could put it; without a stack, which differs by line. */
function errorWith(handle: Secret): Error {
  const error = Object.assign(new Error(`refused ${bare(handle)}`, { cause: handle }), { token: handle })
  delete error.stack
  return error
}

function logged(fields: object, message = ''): string {
  let text = ''
  const log = writeLog('debug', { write: (line) => void (text += line) })
  log.debug(fields, message)
  return text.replace(/"time":"[^"]*"/, '')
}

const renderings: Readonly<Record<string, (handle: Secret) => unknown>> = {
  'a template': (handle) => `<${bare(handle)}>`,
  String: (handle) => [handle].map(String),
  'a concatenation': (handle) => 'token: ' + bare(handle),
  'a number': (handle) => String(Number(handle)),
  'a comparison': (handle) => bare(handle) < 'm',
  'a key of an object': (handle) => Object.keys({ [bare(handle)]: 1 }),
  'JSON.stringify': (handle) => JSON.stringify({ list: [handle], handle }),
  'JSON.stringify of its properties': (handle) => JSON.stringify({ ...handle }),
  'Object.entries': (handle) => Object.entries(handle),
  'own keys': (handle) => Reflect.ownKeys(handle).map(String),
  'for in': (handle) => {
    const seen: unknown[] = []
    for (const key in handle) seen.push(key, String((handle as unknown as Record<string, unknown>)[key]))
    return seen
  },
  'util.inspect': (handle) => inspect(handle),
  'util.inspect with everything': (handle) =>
    inspect({ deep: { er: [new Map([['token', handle]])] } }, { showHidden: true, depth: null, getters: true }),
  'util.inspect without custom functions': (handle) => inspect(handle, { customInspect: false, showHidden: true }),
  'util.format': (handle) => format('%s %o %O %j %d', handle, handle, handle, handle, handle),
  structuredClone: (handle) => JSON.stringify(structuredClone({ handle })),
  'a message to a worker': (handle) => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(handle)
    const received: unknown = receiveMessageOnPort(port2)?.message
    port1.close()
    return JSON.stringify(received)
  },
  'v8.serialize': (handle) => serialize(handle).toString('latin1'),
  'v8.deserialize': (handle) => inspect(deserialize(serialize(handle)), { customInspect: false }),
  YAML: (handle) => stringify(JSON.parse(JSON.stringify({ handle }))),
  'an error and its cause': (handle) => inspect(errorWith(handle), { depth: null }),
  'an error in the log': (handle) => logged({ error: errorWith(handle) }),
  'an error that was thrown on': (handle) =>
    logged({ error: withDetails(new CodedError('FORBIDDEN', undefined, {}, { cause: handle }), {}) }),
  'a log line': (handle) => logged({ handle, list: [handle], error: errorWith(handle) }, `token ${bare(handle)}`),
  'a frozen configuration': (handle) => JSON.stringify(deepFreeze({ upstreams: [{ options: { key: handle } }] })),
  'Object.assign': (handle) => inspect(Object.assign({}, handle)),
  'a regular expression': (handle) => /./.exec(bare(handle))?.[0],
  encodeURIComponent: (handle) => encodeURIComponent(bare(handle)),
  Buffer: (handle) => Buffer.from(bare(handle)).toString('latin1'),
  Headers: (handle) => new Headers({ authorization: bare(handle) }).get('authorization'),
  URLSearchParams: (handle) => new URLSearchParams({ token: bare(handle) }).toString(),
}

// Canaries of every alphabet, the forms that secrets have, and what might break a renderer.
const value = fc.oneof(
  fc.string({ unit: codePoint, minLength: 1 }),
  fc.string({ unit: 'grapheme', minLength: 20 }),
  fc.base64String({ minLength: 16 }),
  fc.constantFrom('__proto__', '[redacted]', '{"token":1}', '%s %o', '\u0000', '1e999'),
)

describe.each(Object.entries(renderings))('%s', (_name, render) => {
  it('is the same for every value', () => {
    const expected = render(secret('canary-constant'))
    expect(inspect(expected)).not.toContain('canary')
    fc.assert(
      fc.property(value, (text) => {
        expect(render(secret(text))).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })
})

it('shows what it is where it can', () => {
  const handle = secret('canary-shown')
  const shown = [
    `<${bare(handle)}>`,
    JSON.stringify(handle),
    inspect(handle),
    inspect(errorWith(handle)),
    structuredClone(handle).secret,
    logged({ handle }),
  ]
  for (const text of shown) expect(text).toContain('[redacted]')
})

it('reveals exactly what was wrapped, and nothing for a copy', () => {
  fc.assert(
    fc.property(value, (text) => {
      const handle = secret(text)
      expect(reveal(handle)).toBe(text)
      const copies = [
        { ...handle },
        structuredClone(handle),
        Object.create(handle) as Secret,
        deserialize(serialize(handle)) as Secret,
      ]
      for (const copy of copies) expect(() => reveal(copy)).toThrow('not a Secret')
    }),
  )
})

it('cannot be changed, so that nothing can be put in the place of a secret', () => {
  const handle = secret('canary-fixed')
  expect(Object.isFrozen(handle)).toBe(true)
  expect(() => Object.assign(handle, { secret: 'canary-other' })).toThrow(TypeError)
  expect(() => Object.defineProperty(handle, 'toJSON', { value: () => 'x' })).toThrow(TypeError)
})
