/** Every kind of viewer, with what each may read, said a second time and without the code under test. */
import { newServiceKey } from '../../src/auth/service-keys.ts'
import type { Issuer } from '../servers/jwks.ts'

export const subjects = ['acme_1', 'other_1'] as const
export const providers = ['oauth_google', 'oauth_github'] as const
export const fields = ['token', 'token_secret', 'id_token'] as const

export interface Cell {
  readonly subject: string
  readonly provider: string
  readonly field: string
}

export interface Caller {
  readonly name: string
  readonly user_id: string | null
  /** For `auth.services`; null: no service. */
  readonly service: Readonly<Record<string, unknown>> | null
  bearer(issuer: Issuer): Promise<string | null>
  mayRead(cell: Cell): boolean
  /** Whether the caller may connect and disconnect the subject's accounts at the provider. */
  mayChange(cell: Omit<Cell, 'field'>): boolean
}

const anybody: readonly string[] = ['*']

function user(name: string, user_id: string): Caller {
  return {
    name,
    user_id,
    service: null,
    bearer: (issuer) => issuer.sign({ sub: user_id }),
    mayRead: ({ subject }) => subject === user_id,
    mayChange: ({ subject }) => subject === user_id,
  }
}

function service(
  name: string,
  grants: readonly object[],
  mayRead: Caller['mayRead'],
  mayChange: Caller['mayChange'] = () => false,
): Caller {
  const { key, key_sha256 } = newServiceKey()
  const id = name.replaceAll(/[^a-z]+/g, '-')
  return {
    name,
    user_id: null,
    service: { id, key_sha256, grants },
    bearer: () => Promise.resolve(key),
    mayRead,
    mayChange,
  }
}

const all = { providers: anybody, fields: anybody, users: anybody }

export const callers: readonly Caller[] = [
  {
    name: 'nobody',
    user_id: null,
    service: null,
    bearer: () => Promise.resolve(null),
    mayRead: () => false,
    mayChange: () => false,
  },
  user('the owner', 'acme_1'),
  user('a user of neither', 'stranger_1'),
  service('a service without a grant', [], () => false),
  service('a service for one provider', [{ ...all, providers: ['google'] }], (c) => c.provider === 'oauth_google'),
  service('a service for one field', [{ ...all, fields: ['id_token'] }], (c) => c.field === 'id_token'),
  service('a service with the default field', [{ providers: anybody }], (c) => c.field === 'token'),
  service('a service for metadata alone', [{ ...all, fields: [] }], () => false),
  service('a service for one user', [{ ...all, users: ['other_1'] }], (c) => c.subject === 'other_1'),
  service('a service for a prefix', [{ ...all, users: ['acme_*'] }], (c) => c.subject === 'acme_1'),
  service(
    'a service for one cell',
    [{ providers: ['oauth_github'], fields: ['token_secret'], users: ['acme_1'] }],
    (c) => c.provider === 'oauth_github' && c.field === 'token_secret' && c.subject === 'acme_1',
  ),
  service(
    'a service with two halves of a right',
    [
      { providers: ['google'], fields: ['token'], users: ['acme_*'] },
      { providers: ['github'], fields: ['id_token'], users: ['other_*'] },
    ],
    (c) =>
      (c.provider === 'oauth_google' && c.field === 'token' && c.subject === 'acme_1') ||
      (c.provider === 'oauth_github' && c.field === 'id_token' && c.subject === 'other_1'),
  ),
  service('a service whose grant has ended', [{ ...all, expires_at: '2020-01-01T00:00:00Z' }], () => false),
  service('a service whose grant will end', [{ ...all, expires_at: '2100-01-01T00:00:00Z' }], () => true),
  service('a service for everything', [all], () => true),
  service(
    'a service that connects, and reads nothing',
    [{ ...all, fields: [], connect: true }],
    () => false,
    () => true,
  ),
  service(
    'a service that connects for a prefix at one provider',
    [{ providers: ['google'], fields: ['token'], users: ['acme_*'], connect: true }],
    (c) => c.provider === 'oauth_google' && c.field === 'token' && c.subject === 'acme_1',
    (c) => c.provider === 'oauth_google' && c.subject === 'acme_1',
  ),
  service(
    'a service whose right to connect has ended',
    [{ ...all, connect: true, expires_at: '2020-01-01T00:00:00Z' }],
    () => false,
  ),
  service(
    'a service with a right to read here and to connect there',
    [
      { providers: ['google'], fields: [], users: ['acme_*'], connect: true },
      { providers: ['github'], fields: ['token'], users: ['other_*'] },
    ],
    (c) => c.provider === 'oauth_github' && c.field === 'token' && c.subject === 'other_1',
    (c) => c.provider === 'oauth_google' && c.subject === 'acme_1',
  ),
]
