import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { authOptions } from '../../src/auth/options.ts'
import { createIdentify } from './support.ts'
import { newKey } from '../../src/commands/keys.ts'
import { captureOutput } from '../kit/output.ts'

function run(id?: string): { code: number; text: string; err: string } {
  const output = captureOutput()
  const code = newKey(id === undefined ? {} : { id }, output)
  return { code, text: output.out.text(), err: output.err.text() }
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
  const { code, text, err } = run('no spaces: please')
  expect({ code, text }).toEqual({ code: 1, text: '' })
  expect(err).toBe('The id of a service has 1 to 64 letters, digits and _ . - only.\n')
})
