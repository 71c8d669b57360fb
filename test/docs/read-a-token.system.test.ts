/** Runs the samples of docs/read-a-token.md against a server, as their readers do. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildSchema, parse, validate } from 'graphql'
import { errorCodes } from '../../src/errors.ts'
import { makeFolder } from '../kit/folder.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { answers } from '../servers/misbehaviour.ts'
import { clerkFailure } from '../servers/clerk.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPage, root } from './pages.ts'

const page = readPage('docs/read-a-token.md')
const sampleIn = (language: string): string => page.blocks.find((block) => block.language === language)?.text ?? ''

const programs = {
  js: { file: 'read.mjs', command: process.execPath },
  python: { file: 'read.py', command: 'python3' },
  shell: { file: 'read.sh', command: 'sh' },
} as const

let graph: Awaited<ReturnType<typeof startGraphOverClerk>>

beforeAll(async () => {
  graph = await startGraphOverClerk({ retries: 0 }, { cache: { seconds: 0 } })
})
afterAll(() => graph[Symbol.asyncDispose]())

async function run(language: keyof typeof programs, key = graph.server.key): Promise<string> {
  using folder = makeFolder()
  const { file, command } = programs[language]
  const env = {
    PATH: process.env.PATH,
    TOKENGRAPH_URL: `${graph.server.url}/graphql`,
    TOKENGRAPH_KEY: key,
    NO_PROXY: '*',
  }
  return (await promisify(execFile)(command, [folder.write(file, sampleIn(language))], { env })).stdout
}

const accounts = [
  { external_account_id: 'eac_home', token: 'invented-home', label: 'home' },
  { external_account_id: 'eac_work', token: 'invented-work', label: 'work' },
]

describe.each(['js', 'python'] as const)('the sample in %s', (language) => {
  it('names every account, waits as it is told, and tells what nobody can wait for', async () => {
    graph.clerk.addTokens('user_1', 'oauth_google', accounts)
    graph.clerk.misbehave(answers(429, clerkFailure('too_many_requests'), { 'retry-after': '1' }), { times: 1 })
    expect(await run(language)).toMatch(/^live eac_home home\nlive eac_work work\n$/)

    graph.clerk.misbehave(answers(400, clerkFailure('oauth_missing_refresh_token')), { times: 1 })
    expect(await run(language)).toBe('failed REAUTHORIZATION_REQUIRED\n')
    expect(await run(language, 'no-such-key')).toBe('failed UNAUTHENTICATED\n')
  })
})

it('the command of curl reads the tokens', async () => {
  graph.clerk.addTokens('user_1', 'oauth_google', accounts)
  expect(JSON.parse(await run('shell'))).toMatchObject({
    data: { user: { oauth_access_tokens: [{ token: 'invented-home' }, { token: 'invented-work' }] } },
  })
})

it('every sample asks for fields that the graph has', () => {
  const schema = buildSchema(readFileSync(join(root, 'schema.graphql'), 'utf8'))
  const queries = ['js', 'python', 'go', 'shell'].map(
    (language) => /query ReadToken[^"`]*\}/.exec(sampleIn(language))?.[0] ?? '',
  )
  for (const query of queries) expect(validate(schema, parse(query))).toEqual([])
})

it('the table has every code that a reader may meet', () => {
  // Only clients with persisted queries meet it.
  const missing = Object.keys(errorCodes).filter((code) => !page.code.includes(code))
  expect(missing).toEqual(['PERSISTED_QUERY_NOT_SUPPORTED'])
})
