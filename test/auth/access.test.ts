import { describe, expect, it } from 'vitest'
import { allowOrThrow, compileGrants, createAccess, maySeeSchema } from '../../src/auth/policy.ts'
import type { ReadableField } from '../../src/auth/policy.ts'
import { anonymous } from '../../src/auth/viewer.ts'
import type { Viewer } from '../../src/auth/viewer.ts'
import { auth } from './support.ts'

const fields = ['metadata', 'token', 'token_secret', 'id_token'] as const satisfies ReadableField[]
const subjects = ['acme_1', 'acme_2', 'other_1'] as const
const providers = ['google', 'github'] as const

const user: Viewer = { kind: 'user', userId: 'acme_1', issuer: 'https://id.example.com' }

/** A service with these grants; what is left out has the defaults of the configuration. */
function service(grants: unknown[], schema = false): Viewer {
  const [options] = auth({ services: [{ id: 'a', key_sha256: '0'.repeat(64), grants, schema }] }).services
  return { kind: 'service', id: options!.id, grants: compileGrants(options!.grants), schema: options!.schema }
}

/** Every allowed cell of subjects x providers x fields, as `subject provider field`; the rest must be refused. */
function allowed(viewer: Viewer, owner?: ReadableField[]): string[] {
  const access = createAccess(auth(owner === undefined ? {} : { owner: { fields: owner } }))
  return subjects.flatMap((subject) =>
    providers.flatMap((provider) =>
      fields
        .filter((field) => access.decide(viewer, { subject, provider, field }).allowed)
        .map((field) => `${subject} ${provider} ${field}`),
    ),
  )
}

/** All cells of the cross product. */
const cells = (s: readonly string[], p: readonly string[], f: readonly string[]) =>
  s.flatMap((subject) => p.flatMap((provider) => f.map((field) => `${subject} ${provider} ${field}`)))

describe('the decision, over every viewer, subject, provider and field', () => {
  it.each<[string, Viewer, ReadableField[] | undefined, string[]]>([
    ['anonymous may read nothing', anonymous, undefined, []],
    ['a user may read only their own', user, undefined, cells(['acme_1'], providers, fields)],
    ['a user reads the allowed secrets', user, ['token'], cells(['acme_1'], providers, ['metadata', 'token'])],
    ['a user always reads their metadata', user, [], cells(['acme_1'], providers, ['metadata'])],
    ['a service without grants may read nothing', service([]), undefined, []],
    [
      'a grant defaults to the token of every user',
      service([{ providers: ['*'] }]),
      undefined,
      cells(subjects, providers, ['metadata', 'token']),
    ],
    [
      '* is everything',
      service([{ providers: ['*'], fields: ['*'], users: ['*'] }]),
      undefined,
      cells(subjects, providers, fields),
    ],
    [
      'a provider',
      service([{ providers: ['oauth_google'], fields: ['*'] }]),
      undefined,
      cells(subjects, ['google'], fields),
    ],
    [
      'a bare provider name',
      service([{ providers: ['google'] }]),
      undefined,
      cells(subjects, ['google'], ['metadata', 'token']),
    ],
    [
      'an empty list of fields is the metadata',
      service([{ providers: ['*'], fields: [] }]),
      undefined,
      cells(subjects, providers, ['metadata']),
    ],
    [
      'one field',
      service([{ providers: ['*'], fields: ['id_token'] }]),
      undefined,
      cells(subjects, providers, ['metadata', 'id_token']),
    ],
    [
      'users by id',
      service([{ providers: ['*'], users: ['acme_1', 'other_1'] }]),
      undefined,
      cells(['acme_1', 'other_1'], providers, ['metadata', 'token']),
    ],
    [
      'users by prefix',
      service([{ providers: ['*'], users: ['acme_*'] }]),
      undefined,
      cells(['acme_1', 'acme_2'], providers, ['metadata', 'token']),
    ],
    ['an id is not a prefix', service([{ providers: ['*'], users: ['acme_'] }]), undefined, []],
    [
      'owner.fields does not narrow a service',
      service([{ providers: ['*'], fields: ['*'] }]),
      [],
      cells(subjects, providers, fields),
    ],
    [
      'two grants do not combine',
      service([
        { providers: ['oauth_google'], users: ['acme_1'], fields: ['token'] },
        { providers: ['oauth_github'], users: ['acme_2'], fields: ['id_token'] },
      ]),
      undefined,
      [
        ...cells(['acme_1'], ['google'], ['metadata', 'token']),
        ...cells(['acme_2'], ['github'], ['metadata', 'id_token']),
      ],
    ],
  ])('%s', (_name, viewer, owner, expected) => {
    expect(allowed(viewer, owner).toSorted()).toEqual(expected.toSorted())
  })

  it.each<[Viewer, string, ReadableField, object]>([
    [anonymous, 'acme_1', 'token', { allowed: false, code: 'UNAUTHENTICATED', reason: 'anonymous' }],
    [anonymous, 'acme_1', 'metadata', { allowed: false, code: 'UNAUTHENTICATED', reason: 'anonymous' }],
    [user, 'acme_1', 'token', { allowed: true, reason: 'owner' }],
    [user, 'acme_1', 'id_token', { allowed: false, code: 'FORBIDDEN', reason: 'owner_field_not_allowed' }],
    [user, 'acme_2', 'token', { allowed: false, code: 'FORBIDDEN', reason: 'not_owner' }],
    [user, 'ACME_1', 'token', { allowed: false, code: 'FORBIDDEN', reason: 'not_owner' }],
    [user, '', 'metadata', { allowed: false, code: 'FORBIDDEN', reason: 'not_owner' }],
    [service([{ providers: ['*'] }]), 'acme_1', 'token', { allowed: true, reason: 'grant' }],
    [service([]), 'acme_1', 'metadata', { allowed: false, code: 'FORBIDDEN', reason: 'no_grant' }],
  ])('gives the reason: %o %s %s', (viewer, subject, field, decision) => {
    const access = createAccess({ owner: { fields: ['token'] } })
    expect(access.decide(viewer, { subject, provider: 'google', field })).toEqual(decision)
  })
})

describe('readableProviders', () => {
  const access = createAccess(auth())
  const some = service([
    { providers: ['oauth_google', 'github'], users: ['acme_*'], fields: [] },
    { providers: ['oauth_slack'], users: ['acme_1'] },
    { providers: ['*'], users: ['root'] },
  ])
  it.each<[Viewer, string, 'all' | string[]]>([
    [anonymous, 'acme_1', []],
    [user, 'acme_1', 'all'],
    [user, 'acme_2', []],
    [service([]), 'acme_1', []],
    [some, 'acme_1', ['google', 'github', 'slack']],
    [some, 'acme_2', ['google', 'github']],
    [some, 'other_1', []],
    [some, 'root', 'all'],
  ])('%o of %s', (viewer, subject, expected) => {
    expect(access.readableProviders(viewer, subject)).toEqual(expected === 'all' ? 'all' : new Set(expected))
  })
})

describe('the helpers', () => {
  it('allowOrThrow throws the code of the decision, with nothing about the subject', () => {
    const access = createAccess(auth())
    const request = { subject: 'acme_2', provider: 'google', field: 'token' } as const
    expect(() => {
      allowOrThrow(access.decide(user, request))
    }).toThrow(expect.objectContaining({ code: 'FORBIDDEN', message: 'The caller may not read this.' }))
    expect(() => {
      allowOrThrow(access.decide(anonymous, request))
    }).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
    expect(() => {
      allowOrThrow(access.decide(user, { ...request, subject: 'acme_1' }))
    }).not.toThrow()
  })

  it('maySeeSchema requires a service with `schema: true`', () => {
    expect([anonymous, user, service([]), service([{ providers: ['*'] }], true)].map(maySeeSchema)).toEqual([
      false,
      false,
      false,
      true,
    ])
  })
})

it('an entry that ends in a star is a prefix, and a star before the end is the character', () => {
  const access = createAccess({ owner: { fields: ['token'] } })
  const covers = (users: string[], subject: string) =>
    access.decide(service([{ providers: ['*'], users }]), { subject, provider: 'google', field: 'token' }).allowed
  expect(['acme_*', 'acme_1', 'acme_'].map((subject) => covers(['acme_*'], subject))).toEqual([true, true, true])
  expect(['ac*me', 'acxme', 'ac*me_1'].map((subject) => covers(['ac*me'], subject))).toEqual([true, false, false])
  expect(['a**', 'a*b', 'ab'].map((subject) => covers(['a**'], subject))).toEqual([true, true, false])
  expect(['*', 'anybody'].map((subject) => covers(['*'], subject))).toEqual([true, true])
  expect(['*', '*x', 'x'].map((subject) => covers(['**'], subject))).toEqual([true, true, false])
})
