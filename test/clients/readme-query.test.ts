/** The README's first query, sent by popular GraphQL clients. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { Client, fetchExchange } from '@urql/core'
import { GraphQLClient } from 'graphql-request'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { demoQuery } from '../../src/development/demo.ts'
import { startDevelopment } from './development.ts'
import type { DevelopmentServer } from './development.ts'

/** The answer that the README shows. */
const answer = {
  user: {
    google: [
      { label: 'home', token: 'demo-google-home-token', scopes: ['openid', 'email'], expires_at: 4_102_444_800 },
      {
        label: 'work',
        token: 'demo-google-work-token',
        scopes: ['openid', 'email', 'https://www.googleapis.com/auth/calendar.readonly'],
        expires_at: 4_102_444_800,
      },
    ],
    x: [{ token: 'demo-x-token', token_secret: 'demo-x-token-secret' }],
    github: { status: 'CONNECTED', reason: null },
    slack: { status: 'REAUTHORIZATION_REQUIRED', reason: 'REAUTHORIZATION_REQUIRED' },
  },
}

let server: DevelopmentServer
let headers: { authorization: string }

beforeAll(async () => {
  server = await startDevelopment()
  headers = { authorization: `Bearer ${server.key}` }
})

afterAll(() => server[Symbol.asyncDispose]())

/** Removes `__typename`, which clients add to the query. */
function withoutTypenames(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, member: unknown) => (key === '__typename' ? undefined : member)))
}

test('fetch', async () => {
  const response = await fetch(server.graph, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ query: demoQuery }),
  })
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ data: answer })
})

test('curl', async () => {
  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--noproxy', '*', server.graph],
    ...['-H', `Authorization: Bearer ${server.key}`, '-H', 'Content-Type: application/json'],
    ...['-d', JSON.stringify({ query: demoQuery })],
  ])
  expect(JSON.parse(stdout)).toEqual({ data: answer })
})

test('graphql-request', async () => {
  expect(await new GraphQLClient(server.graph, { headers }).request(demoQuery)).toEqual(answer)
})

test('urql', async () => {
  const client = new Client({
    url: server.graph,
    preferGetMethod: false,
    fetchOptions: { headers },
    exchanges: [fetchExchange],
  })
  const { data, error } = await client.query(demoQuery, {}).toPromise()
  expect(error).toBeUndefined()
  expect(data).toEqual(answer)
})

test('Apollo Client', async () => {
  const client = new ApolloClient({ link: new HttpLink({ uri: server.graph, headers }), cache: new InMemoryCache() })
  const { data } = await client.query({ query: gql(demoQuery) })
  expect(withoutTypenames(data)).toEqual(answer)
})

test('a request without the content type is refused with the expected one', async () => {
  const response = await fetch(server.graph, { method: 'POST', headers, body: JSON.stringify({ query: demoQuery }) })
  expect(response.status).toBe(415)
  expect(await response.json()).toMatchObject({
    errors: [{ message: 'The Content-Type must be application/json, in UTF-8.' }],
  })
})
