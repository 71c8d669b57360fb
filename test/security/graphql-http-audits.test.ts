/**
 * The audits of graphql-http, the reference implementation of the GraphQL over HTTP specification. All pass but those
 * that ask for GET, which the server refuses by design (docs/promises.md S5).
 */
import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDoor } from './support.ts'
import type { Door } from './support.ts'

let door: Door
beforeAll(async () => {
  door = await startDoor()
})
afterAll(() => door[Symbol.asyncDispose]())

/** Each asks for something that a specification allows and we refuse. */
const refusedByDesign: Readonly<Record<string, string>> = {
  '5A70': 'MAY accept application/x-www-form-urlencoded formatted GET requests',
  D6D5: 'MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/graphql-response+json',
  '6A70': 'MAY allow URL-encoded JSON string {variables} parameter in GETs when accepting application/json',
}

/** Two audits pass variables to `__type`: the auditor is a service that may see the schema. */
const fetchFn = (url: string, init: RequestInit = {}) => {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${door.server.key}`)
  return fetch(url, { ...init, headers })
}

const audits = serverAudits({ url: () => `${door.server.url}/graphql`, fetchFn })

describe.each(audits)('$id $name', ({ id, name, fn }) => {
  test(id in refusedByDesign ? 'is refused by design' : 'passes', async () => {
    const result = await fn()
    if (id in refusedByDesign) expect([name, result.status]).toStrictEqual([refusedByDesign[id], 'notice'])
    else expect(result.status === 'ok' ? null : result.reason).toBeNull()
  })
})

test('every MUST is among those that have to pass', () => {
  const musts = audits.filter(({ name }) => name.startsWith('MUST'))
  expect(musts.length).toBeGreaterThan(10)
  expect(musts.filter(({ id }) => id in refusedByDesign)).toStrictEqual([])
})
