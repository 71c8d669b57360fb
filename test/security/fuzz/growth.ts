/**
 * Whether the time for a text of a caller grows faster than its length. Every place where a caller's text is read gets
 * texts that repeat one piece, and the CPU time of the thread for each byte is compared at two lengths: where it grows
 * with the length, the work is not linear.
 */
import type { Door } from '../support.ts'

/** What makes patterns look again: quotations, escapes, separators, words of messages, of headers and of tokens. */
export const pieces = [
  'x',
  ' ',
  '"',
  '\\',
  '\\"',
  "'",
  '{',
  '}',
  '(',
  '[',
  ',',
  ';',
  ':',
  '=',
  '%',
  '/',
  '.',
  '#',
  '\n',
  '..."',
  ' Did you mean ',
  ' Did you mean "',
  '"a":',
  'a=",',
  'Bearer ',
  'eyJ.',
  'é',
  '💥',
]

/** Sends a text to one place; the answer does not matter. */
export type Place = (door: Door, text: string) => Promise<unknown>

async function post(door: Door, body: object, headers: Record<string, string> = {}): Promise<void> {
  await (await door.server.post(JSON.stringify(body), headers)).text()
}

const idQuery = 'query ($id: ID!) { user(id: $id) { id } }'

/** In a body: as long as `limits.body_bytes` allows. */
export const bodyPlaces: Readonly<Record<string, Place>> = {
  'the operation': (door, query) => post(door, { query }),
  'a comment': (door, text) => post(door, { query: `{ __typename } #${text.replaceAll('\n', ' ')}` }),
  'an argument': (door, text) => post(door, { query: `{ user(id: ${JSON.stringify(text)}) { id } }` }),
  'a variable': (door, id) => post(door, { query: idQuery, variables: { id } }),
  'a variable of the wrong type': (door, text) => post(door, { query: idQuery, variables: { id: [text] } }),
  'the name of a member of a variable': (door, text) =>
    post(door, { query: idQuery, variables: { id: { [text]: 1 } } }),
  'a name in the variables': (door, text) => post(door, { query: idQuery, variables: { id: 'x', [text]: 2 ** 60 } }),
  'a representation': (door, text) =>
    post(door, {
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }',
      variables: { r: [{ __typename: text, id: text }] },
    }),
  'a provider': (door, provider) =>
    post(
      door,
      {
        query:
          'query ($provider: String!) { user(id: "user_1") { oauth_access_tokens(provider: $provider) { label } } }',
        variables: { provider },
      },
      { authorization: `Bearer ${door.plainKey}` },
    ),
  'the name of the operation': (door, operationName) => post(door, { query: '{ __typename }', operationName }),
  'an unknown member': (door, text) => post(door, { query: '{ __typename }', [text]: 1 }),
  'a hash': (door, text) => post(door, { extensions: { persistedQuery: { version: 1, sha256Hash: text } } }),
  'the whole body': async (door, text) => (await door.server.post(text)).text(),
}

const inHeader =
  (name: string, before = ''): Place =>
  (door, text) =>
    // What fetch does not send is no request of a caller.
    post(door, { query: '{ __typename }' }, { [name]: `${before}${text.replaceAll(/[^\t\x20-\x7e]/g, '~')}` })

/** In the head of a request: as long as `limits.header_bytes` allows. */
export const headPlaces: Readonly<Record<string, Place>> = Object.fromEntries([
  ...[
    'accept',
    'content-type',
    'content-encoding',
    'origin',
    'x-request-id',
    'x-request-timeout-ms',
    'traceparent',
  ].map((name) => [name, inHeader(name)] as const),
  ['authorization', inHeader('authorization', 'Bearer ')],
  ['signature', inHeader('signature', 'sig=')],
  ['signature-input', inHeader('signature-input', 'sig=(')],
  ['the path', async (door, text) => (await fetch(`${door.server.url}/${encodeURI(text)}`)).text()],
  ['the query of the path', async (door, text) => (await fetch(`${door.server.url}/ready?${encodeURI(text)}`)).text()],
] satisfies (readonly [string, Place])[])

/** Milliseconds below which the growth is not looked at: a linear pass over the longest text is far below. */
const FREE_MS = 25
/** How often longer a byte may take in a text that is four times as long; quadratic work takes four times as long. */
const MAX_GROWTH = 2.5
const ATTEMPTS = 4

/** Throws when the time grows faster than the text. `length` is that of the longer text, in bytes. */
export async function judgeGrowth(door: Door, place: Place, piece: string, length: number): Promise<void> {
  const text = (bytes: number): string =>
    piece.repeat(Math.floor(bytes / Buffer.byteLength(JSON.stringify(piece).slice(1, -1))))
  let growth = Infinity
  let longMs = Infinity
  for (let attempt = 0; attempt < ATTEMPTS && growth > MAX_GROWTH && longMs > FREE_MS; attempt++) {
    const shortMs = await cpuMs(() => place(door, text(length / 4)))
    longMs = Math.min(longMs, await cpuMs(() => place(door, text(length))))
    growth = Math.min(growth, longMs / (4 * Math.max(shortMs, 1)))
  }
  if (growth > MAX_GROWTH && longMs > FREE_MS)
    throw new Error(
      `a byte took ${growth.toFixed(1)} times as long in a text of 4 times the length (${longMs.toFixed(0)} ms)`,
    )
}

async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.threadCpuUsage()
  await work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
