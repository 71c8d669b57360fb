/** The search itself: a leak that is introduced has to be found, in whatever form it is written. */
import { brotliCompressSync } from 'node:zlib'
import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { writeLog } from '../../src/log.ts'
import { findLeaks, findLeaksBelow, makeCanary } from '../kit/find-leaks.ts'
import { makeFolder } from '../kit/folder.ts'

const canary = makeCanary()
const around = (text: string) => `{"level":"debug","msg":"${text}"}\n`

it.each<[string, string]>([
  ['raw', canary],
  ['in an Authorization header', `Bearer ${canary}`],
  ['in half', canary.slice(0, 16)],
  ['as its first characters', `${canary.slice(0, 8)}…`],
  ['as its last characters', `…${canary.slice(-8)}`],
  ['reversed', Array.from(canary).reverse().join('')],
  ['as base64', Buffer.from(canary).toString('base64')],
  ['as base64 behind one byte', Buffer.from(`:${canary}`).toString('base64')],
  ['as Basic credentials', Buffer.from(`id:${canary}`).toString('base64')],
  ['as base64url', Buffer.from(`user:${canary}`).toString('base64url')],
  ['as hex', Buffer.from(canary).toString('hex')],
  ['as a dump of a buffer', [...Buffer.from(canary)].map((byte) => byte.toString(16)).join(' ')],
  ['as a buffer in JSON', JSON.stringify(Buffer.from(canary))],
  ['URL-encoded', [...Buffer.from(canary)].map((byte) => `%${byte.toString(16)}`).join('')],
  [
    'JSON-escaped',
    Array.from(canary)
      .map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)
      .join(''),
  ],
  ['as UTF-16', Buffer.from(canary, 'utf16le').toString('latin1')],
  ['as an inspected error', inspect(new Error(`bad answer: ${canary}`))],
])('finds a canary %s', (_how, text) => {
  expect(findLeaks('log', around(text), [makeCanary(), canary])).toEqual([
    { where: 'log', canary, form: expect.any(String) as string },
  ])
})

it('finds nothing where nothing is', () => {
  expect(findLeaks('log', around('nothing'), [canary])).toEqual([])
  expect(findLeaks('log', brotliCompressSync('nothing').toString('latin1'), [canary])).toEqual([])
})

it('finds a short beginning in base64 wherever it stands, and not the four bytes that chance writes', () => {
  for (const before of ['', ':', '::']) {
    const text = Buffer.from(`${before}canary-user`).toString('base64')
    expect(findLeaks('log', around(text), ['canary-'], { parts: false }), before).toHaveLength(1)
  }
  // What three letters of it are in base64.
  expect(findLeaks('vault.sqlite', Buffer.from('\0bmFy\0'), ['canary-'], { parts: false })).toEqual([])
})

it('finds what a log line at level debug gives away, in a file of any kind', () => {
  using folder = makeFolder()
  let text = ''
  writeLog('debug', { write: (line) => void (text += line) }).debug({ headers: { authorization: canary } }, 'upstream')
  folder.write('server.log', text)
  folder.write('clean.log', 'nothing')
  expect(findLeaksBelow(folder.path, [canary])).toMatchObject([{ where: `${folder.path}/server.log`, form: 'raw' }])
})
