/** Each recipe of docs/logins.md with a token of the shape that the login makes, against a local key server. */
import { parse } from 'yaml'
import { describe, expect, it } from 'vitest'
import type { IssuerOptions } from '../../src/auth/options.ts'
import { blocksOf } from '../docs/pages.ts'
import { failureOf } from '../kit/errors.ts'
import { startIssuer } from '../servers/jwks.ts'
import { auth, bearerOf } from './support.ts'

type Claims = Readonly<Record<string, unknown>>

interface Login {
  /** The claims beside `iss` and `exp`; undefined leaves one out. */
  readonly claims: Claims
  readonly header?: Claims
  /** What tells a token of another application, and the reason in the log. */
  readonly foreign: Claims
  readonly reason: string
}

const nobody = { aud: undefined }
const logins: Readonly<Record<string, Login>> = {
  'clerk.example.com': {
    claims: {
      ...nobody,
      azp: 'https://app.example.com',
      sub: 'user_2abc',
      sid: 'session_1',
      sts: 'active',
      fva: [0, -1],
      v: 2,
    },
    foreign: { azp: 'https://evil.example.com' },
    reason: 'azp not listed',
  },
  'api.workos.com': {
    claims: {
      aud: 'tokengraph',
      sub: 'user_01',
      sid: 'session_01',
      org_id: 'org_01',
      role: 'member',
      permissions: [],
    },
    foreign: { aud: undefined },
    reason: 'aud missing',
  },
  'cognito-idp.eu-central-1.amazonaws.com': {
    claims: {
      ...nobody,
      client_id: '1example23456789',
      token_use: 'access',
      scope: 'openid',
      sub: 'a1b2',
      username: 'a1b2',
    },
    header: { typ: undefined },
    foreign: { client_id: undefined, aud: '1example23456789', token_use: 'id' },
    reason: 'client_id missing',
  },
  'acme.eu.auth0.com': {
    claims: {
      aud: ['https://tokengraph.example.com', 'https://acme.eu.auth0.com/userinfo'],
      azp: 'spa',
      scope: 'openid',
      sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
    },
    foreign: { aud: 'https://acme.eu.auth0.com/userinfo' },
    reason: 'aud check_failed',
  },
  'id.example.com': {
    claims: { aud: 'account', azp: 'web-app', typ: 'Bearer', sub: 'f1b2c3d4-0000-4000-8000-000000000001', acr: '1' },
    foreign: { azp: 'other-app' },
    reason: 'azp not listed',
  },
  'acme.logto.app': {
    claims: { aud: 'https://tokengraph.example.com', client_id: 'app1', scope: '', sub: 'k1l2m3n4o5p6' },
    header: { typ: 'at+jwt' },
    foreign: { aud: 'https://other.example.com' },
    reason: 'aud check_failed',
  },
  'app.example.com': {
    claims: { aud: 'https://app.example.com', sub: 'Zt5r', id: 'Zt5r', email: 'a@example.com' },
    header: { typ: undefined },
    foreign: { aud: 'https://other.example.com' },
    reason: 'aud check_failed',
  },
  'login.example.com': {
    claims: { aud: 'tokengraph', sub: 'user_1' },
    foreign: { aud: 'other' },
    reason: 'aud check_failed',
  },
}

const recipes = blocksOf('yaml')
  .filter(({ page }) => page.file === 'docs/logins.md')
  .map(({ block }) => (parse(block.text) as { auth: { issuers: [IssuerOptions] } }).auth.issuers[0])

it('has a recipe for each login', () => {
  expect(recipes.map(({ issuer }) => new URL(issuer).host)).toEqual(Object.keys(logins))
})

describe.each(recipes)('$issuer', (recipe) => {
  const { claims, header = {}, foreign, reason } = logins[new URL(recipe.issuer).host]!

  async function start() {
    const server = await startIssuer({ alg: recipe.algorithms[0]! })
    const [options] = auth({ issuers: [{ ...recipe, jwks_url: server.jwks_url }] }).issuers
    const sign = (more: Claims = {}) => server.sign({ iss: recipe.issuer, ...claims, ...more }, { header })
    return { identify: bearerOf(options!), sign, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  }

  it('accepts the token of the login', async () => {
    await using login = await start()
    expect(await login.identify(await login.sign())).toEqual({
      kind: 'user',
      userId: claims.sub,
      issuer: recipe.issuer,
    })
  })

  it('refuses a token of another application, and says why in the log', async () => {
    await using login = await start()
    const error = await failureOf(login.identify(await login.sign(foreign)))
    expect(error.code).toBe('UNAUTHENTICATED')
    expect(String(error.cause)).toContain(reason)
  })
})
