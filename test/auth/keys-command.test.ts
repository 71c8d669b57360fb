import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { authOptions } from '../../src/auth/options.ts'
import { createIdentify } from './support.ts'
import { hashServiceKey } from '../../src/auth/service-keys.ts'
import { newKey } from '../../src/commands/keys.ts'
import { captureOutput } from '../kit/output.ts'

function run(id?: string): { code: number; text: string } {
  const output = captureOutput()
  const code = newKey({ id: id ?? 'my-service' }, output)
  return { code, text: output.out.text() }
}

it('prints a key once, with configuration lines that accept it', async () => {
  const { code, text } = run('calendar-sync')
  expect(code).toBe(0)
  const [key, ...more] = text.match(/tgk_[\w-]+/g)!
  expect(more).toEqual([])
  const lines = text.slice(text.indexOf('auth:'))
  expect(lines).not.toContain(key)
  const options = authOptions.parse((parse(lines) as { auth: unknown }).auth)
  expect(text.split(options.services[0]!.key_sha256)).toHaveLength(3)
  const viewer = await createIdentify(options)(`Bearer ${key}`)
  expect(viewer).toMatchObject({
    kind: 'service',
    id: 'calendar-sync',
    grants: [{ providers: new Set(['google']), fields: new Set(['token']), users: 'all' }],
  })
})

it('makes a new key each time, and requires no id', () => {
  const [a, b] = [run(), run()]
  expect(a.code).toBe(0)
  expect(a.text).not.toBe(b.text)
})

it('refuses an id that the configuration would refuse, and prints no key', () => {
  const output = captureOutput()
  expect(() => newKey({ id: 'no spaces: please' }, output)).toThrow(
    '--id: the id of a service has 1 to 64 letters, digits and _ . - only.',
  )
  expect(output.out.text() + output.err.text()).toBe('')
})

it('prints the same as one JSON object for scripts', () => {
  const output = captureOutput()
  expect(newKey({ id: 'sync', format: 'json' }, output)).toBe(0)
  const { id, key, key_sha256: digest } = JSON.parse(output.out.text()) as Record<string, string>
  expect({ id, digest }).toEqual({ id: 'sync', digest: hashServiceKey(key!) })
})
