/** A short run of the fuzzers with a fixed seed; `npm run fuzz` runs them for long with another one each time. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bombs } from './fuzz/bombs.ts'
import { judgeOperation, judgeRequest } from './fuzz/judge.ts'
import { fuzzOperations, fuzzRequests, startFuzzDoor } from './fuzz/run.ts'
import type { FuzzDoor } from './fuzz/run.ts'
import { CANARY, startDoor } from './support.ts'

let door: FuzzDoor
beforeAll(async () => {
  door = await startFuzzDoor()
})
afterAll(() => door[Symbol.asyncDispose]())

describe('operations that cost much for their size', () => {
  test.each(Object.entries(bombs))('%s', async (_, query) => {
    for (const bearer of door.callers) await judgeOperation(door, { query, variables: {} }, bearer)
  })
})

test('operations of a grammar, and mutations', () => fuzzOperations(door, { seed: 20_260_101, runs: 400 }))

test('requests as bytes', () => fuzzRequests(door, { seed: 20_260_102, runs: 400 }))

describe('the judge sees', () => {
  test('a canary', async () => {
    const query = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token } } }'
    await expect(judgeOperation(door, { query, variables: {} }, door.plainKey)).rejects.toThrow(
      'the canary was let out',
    )
    expect(CANARY.length).toBeGreaterThan(8)
  })

  test('a held event loop', async () => {
    await using open = await startDoor({ limits: { objects: 1_000_000 } })
    const aliased = Array.from({ length: 20 }, (_, n) => `a${String(n)}: _entities(representations: $r) { __typename }`)
    const query = `query ($r: [_Any!]!) { ${aliased.join(' ')} }`
    await expect(judgeOperation(open, { query, variables: { r: new Array(900).fill(0) } }, null)).rejects.toThrow(
      'the event loop was held',
    )
  })

  test('an answer that may be stored', async () => {
    const bare = { ...door, server: { ...door.server, url: door.clerk.url } }
    await expect(
      judgeRequest(bare, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')),
    ).rejects.toThrow('may be stored')
  })
})
