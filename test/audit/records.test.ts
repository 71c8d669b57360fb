/** The records of the server: one per subject, provider, account and decision, written before the answer is sent. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { createAuditKeys } from '../../src/audit/record.ts'
import { secret } from '../../src/lib/secret.ts'
import { startIssuer } from '../servers/jwks.ts'
import { makeFolder } from '../kit/folder.ts'
import type { Folder } from '../kit/folder.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'
import { auditKey, recordsOf, verify } from './chain.ts'
import { auditPath } from './graph.ts'

async function startRecorded(folder: Folder) {
  const issuer = await startIssuer()
  const graph = await startGraphOverClerk(
    {},
    {
      auth: { issuers: [issuer.options()] },
      audit: { sink: 'file', path: auditPath(folder), key: auditKey },
    },
    [{ id: 'narrow', grants: [{ providers: ['google'], users: ['user_1'] }] }],
  )
  const { clerk, server } = graph
  clerk.addTokens('user_1', 'oauth_google', [
    {
      token: 'invented-token-a',
      id_token: 'invented-id-token-a',
      external_account_id: 'eac_a',
      expires_at: 4_102_444_800,
    },
    { token: 'invented-token-b', external_account_id: 'eac_b', expires_at: null },
  ])
  return {
    server,
    clerk,
    issuer,
    narrow: server.keyOf('narrow'),
    records: () => recordsOf(auditPath(folder)),
    async [Symbol.asyncDispose]() {
      await graph[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
    },
  }
}

const tokens = '{ user(id: "user_1") { oauth_access_tokens(provider: "google") { token id_token } } }'

it('records who read which secrets of which account, with expiry and fingerprints, and no secret', async () => {
  using folder = makeFolder()
  await using graph = await startRecorded(folder)
  const response = await graph.server.post(JSON.stringify({ query: `query Sync ${tokens}`, operationName: 'Sync' }), {
    authorization: `Bearer ${graph.server.key}`,
    'x-request-id': 'invented-request-7',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  })
  expect(response.status).toBe(200)
  const { fingerprint } = createAuditKeys(secret(auditKey))
  const common = {
    event: 'operation',
    request_id: 'invented-request-7',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    operation_name: 'Sync',
    viewer: 'service',
    viewer_id: 'wide',
    key_id: 'wide',
    subject: 'user_1',
    provider: 'oauth_google',
    fields: ['token', 'id_token'],
    decision: 'allowed',
    reason: 'grant',
  }
  expect(graph.records()).toMatchObject([
    {
      ...common,
      account: 'eac_a',
      expires_at: 4_102_444_800,
      fingerprints: {
        token: fingerprint(secret('invented-token-a')),
        id_token: fingerprint(secret('invented-id-token-a')),
      },
    },
    { ...common, account: 'eac_b', expires_at: null, fingerprints: { token: fingerprint(secret('invented-token-b')) } },
  ])
  expect(readFileSync(auditPath(folder), 'utf8')).not.toContain('invented-token')
  expect((await verify([auditPath(folder)])).broken).toBeNull()
})

it('records denials with their reasons', async () => {
  using folder = makeFolder()
  await using graph = await startRecorded(folder)
  await graph.server.ask(tokens, { bearer: graph.narrow })
  await graph.server.ask(
    '{ user(id: "user_2") { oauth_access_tokens(provider: "google") { token } external_accounts { id } } }',
    {
      bearer: graph.narrow,
    },
  )
  await graph.server.ask(tokens, { bearer: null })
  await graph.server.ask(tokens, { bearer: await graph.issuer.sign({ sub: 'user_3' }) })
  const seen = graph
    .records()
    .map(({ viewer, viewer_id, key_id, subject, provider, account, fields, decision, reason }) =>
      [viewer, viewer_id, key_id, subject, provider, account, fields.join(), decision, reason].join(' '),
    )
  expect(seen).toEqual([
    'service narrow narrow user_1 oauth_google eac_a token allowed grant',
    'service narrow narrow user_1 oauth_google eac_b token allowed grant',
    'service narrow narrow user_1 oauth_google eac_a id_token denied no_grant',
    'service narrow narrow user_1 oauth_google eac_b id_token denied no_grant',
    'service narrow narrow user_2 oauth_google  metadata denied no_grant',
    'service narrow narrow user_2 *  metadata denied no_grant',
    'anonymous      metadata denied anonymous',
    `user user_3 ${graph.issuer.issuer} user_1 oauth_google  metadata denied not_owner`,
  ])
})

it('records one row for repeated reads through different paths of one operation', async () => {
  using folder = makeFolder()
  await using graph = await startRecorded(folder)
  await graph.server.ask(
    `query ($r: [_Any!]!) {
      a: user(id: "user_1") { oauth_access_tokens(provider: "google", external_account_id: "eac_a") { token } }
      b: oauth_access_tokens(user_id: "user_1", provider: "oauth_google", external_account_id: "eac_a") { again: token }
      c: _entities(representations: $r) { ... on User { oauth_connection(provider: "google") { status } } }
    }`,
    { variables: { r: [{ __typename: 'User', id: 'user_1' }] } },
  )
  expect(graph.records()).toMatchObject([{ seq: 1, account: 'eac_a', fields: ['token'] }])
})

it('records a read of the connected accounts, though no secret was disclosed', async () => {
  using folder = makeFolder()
  await using graph = await startRecorded(folder)
  await graph.server.ask('{ user(id: "user_1") { oauth_connection(provider: "google") { status } } }')
  await graph.server.ask('{ user(id: "user_1") { external_accounts { id } } }')
  await graph.server.ask('{ providers { id } }')
  expect(graph.records()).toMatchObject([
    { provider: 'oauth_google', account: null, fields: ['metadata'], decision: 'allowed', fingerprints: {} },
    { provider: '*', account: null, fields: ['metadata'], decision: 'allowed', fingerprints: {} },
  ])
})

it.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '4bf92f3577b34da6a3ce929d0e0e4736'],
  ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', '4bf92f3577b34da6a3ce929d0e0e4736'],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', null],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', null],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', null],
  ['invented-token-1', null],
])('reads the trace id of %s as %s', async (traceparent, traceId) => {
  using folder = makeFolder()
  await using graph = await startRecorded(folder)
  await graph.server.post(JSON.stringify({ query: tokens }), {
    authorization: `Bearer ${graph.server.key}`,
    traceparent,
  })
  expect(graph.records()[0]).toMatchObject({ trace_id: traceId })
})
