/** `${file:PATH}` and `NAME_FILE`: secrets as Docker and Kubernetes mount them. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { reveal } from '../../src/lib/secret.ts'
import type { Secret } from '../../src/lib/secret.ts'
import { makeFolder, testFolder } from '../kit/folder.ts'
import { clerkKey, configErrorOf, load, problemsOf } from './sample.ts'

const withKey = (value: string): string =>
  `upstreams:\n  clerk: { platform: clerk, secret_key: ${value} }\nauth: { services: [ { id: reader, key_sha256: ${'ab'.repeat(32)} } ] }\n`

const referenceTo = (path: string): string => ['"${file:', path, '}"'].join('')

function keyFrom(value: string, env: NodeJS.ProcessEnv = {}): string {
  return reveal((load(withKey(value), env).upstreams[0]!.options as { secret_key: Secret }).secret_key)
}

/** A file that the test writes, and not the product: the leak search has nothing to look for in it. */
function fileOf(text: string | Uint8Array): string {
  const folder = makeFolder()
  onTestFinished(() => {
    folder[Symbol.dispose]()
  })
  return folder.write('secret', text)
}

describe('a value in a file', () => {
  it.each([
    ['without a line break', clerkKey],
    ['with one', `${clerkKey}\n`],
    ['with that of Windows', `${clerkKey}\r\n`],
  ])('%s', (_, text) => {
    const file = fileOf(text)
    expect(keyFrom(referenceTo(file))).toBe(clerkKey)
    expect(keyFrom('${CLERK}', { CLERK_FILE: file })).toBe(clerkKey)
    const fileless = loadConfig({ env: { CLERK_SECRET_KEY_FILE: file } })
    expect(fileless).toMatchObject({ source: 'environment', upstreams: [{ name: 'clerk' }] })
  })

  it.each([
    ['missing', () => '/nowhere/at/all', 'the file /nowhere/at/all cannot be read: not found'],
    ['a directory', () => testFolder().path, /^the file \S+ cannot be read: it is a directory$/],
    ['empty', () => fileOf('\n'), /^the file \S+ is empty$/],
    ['no text', () => fileOf(new Uint8Array([0xff, 0xfe])), /^the file \S+ is not UTF-8 text$/],
    ['large', () => fileOf('x'.repeat(70_000)), /^the file \S+ is larger than 64 KiB$/],
  ])('%s: says so, and shows nothing of it', (_, name, message) => {
    const file = name()
    const place = '2:41 upstreams.clerk.secret_key: '
    const [direct = '', ...more] = problemsOf(withKey(referenceTo(file)), {})
    expect(more).toEqual([])
    expect(direct.slice(0, place.length)).toBe(place)
    expect(direct.slice(place.length)).toMatch(message)
    const [byVariable = ''] = problemsOf(withKey('${CLERK}'), { CLERK_FILE: file })
    expect(byVariable.slice(place.length)).toMatch(/^CLERK_FILE: the file /)
    const error = configErrorOf(() => loadConfig({ env: { CLERK_SECRET_KEY_FILE: file } }))
    expect(error.message).toContain('CLERK_SECRET_KEY_FILE: the file ')
  })

  it('beside the variable itself is a mistake', () => {
    const file = fileOf(clerkKey)
    expect(problemsOf(withKey('${CLERK}'), { CLERK: clerkKey, CLERK_FILE: file })).toEqual([
      '2:41 upstreams.clerk.secret_key: both CLERK and CLERK_FILE are set; set one of them',
    ])
    expect(problemsOf(withKey('"${file:}"'), {})).toEqual([
      '2:41 upstreams.clerk.secret_key: expected ${file:PATH} with the path of a file',
    ])
  })
})
