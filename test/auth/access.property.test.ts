/** docs/promises.md S14: adding a grant never removes a right, removing one never adds a right. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Grant } from '../../src/auth/options.ts'
import { compileGrants, createAccess } from '../../src/auth/policy.ts'
import { anonymous } from '../../src/auth/viewer.ts'
import type { Viewer } from '../../src/auth/viewer.ts'
import { secretFields } from '../../src/tokens/types.ts'
import { auth } from './support.ts'

const access = createAccess(auth())
const subjects = ['acme_1', 'acme_12', 'other_1']
const providers = ['google', 'github', 'custom_x']
const questions = subjects.flatMap((subject) =>
  providers.flatMap((provider) =>
    (['metadata', ...secretFields] as const).map((field) => ({ subject, provider, field })),
  ),
)

const grant: fc.Arbitrary<Grant> = fc.record({
  providers: fc.uniqueArray(fc.constantFrom(...providers, ...providers.map((name) => `oauth_${name}`), '*'), {
    minLength: 1,
  }),
  fields: fc.uniqueArray(fc.constantFrom(...secretFields, '*' as const)),
  connect: fc.boolean(),
  users: fc.uniqueArray(fc.constantFrom(...subjects, 'acme_*', 'acme_1*', '*'), { minLength: 1 }),
})

const viewerWith = (grants: readonly Grant[]): Viewer => ({
  kind: 'service',
  id: 'a',
  grants: compileGrants(grants),
  schema: false,
})
const rights = (grants: readonly Grant[]) =>
  new Set(
    questions.filter((question) => access.decide(viewerWith(grants), question).allowed).map((q) => JSON.stringify(q)),
  )

it('allows the union of what each grant allows: more grants never deny, fewer never allow', () => {
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 4 }), grant, fc.nat(4), (grants, added, position) => {
      const before = rights(grants)
      const after = rights(grants.toSpliced(position, 0, added))
      expect(after).toEqual(new Set([...before, ...rights([added])]))
    }),
  )
})

it('is bounded by the fields, providers and users that some grant names', () => {
  fc.assert(
    fc.property(grant, (one) => {
      for (const question of questions) {
        const field = question.field === 'metadata' || one.fields.includes('*') || one.fields.includes(question.field)
        const provider = one.providers.some((name) =>
          ['*', question.provider, `oauth_${question.provider}`].includes(name),
        )
        const user = one.users.some(
          (u) => u === question.subject || (u.endsWith('*') && question.subject.startsWith(u.slice(0, -1))),
        )
        expect(access.decide(viewerWith([one]), question).allowed).toBe(field && provider && user)
      }
    }),
  )
})

it('lists a provider as readable exactly when its metadata is', () => {
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 4 }), (grants) => {
      const viewer = viewerWith(grants)
      for (const subject of subjects) {
        const readable = access.readableProviders(viewer, subject)
        for (const provider of providers)
          expect(readable === 'all' || readable.has(provider)).toBe(
            access.decide(viewer, { subject, provider, field: 'metadata' }).allowed,
          )
      }
    }),
  )
})

it('denies anonymous and every other user, for every request', () => {
  const question = fc.record({
    subject: fc.string(),
    provider: fc.string(),
    field: fc.constantFrom('metadata' as const, ...secretFields),
  })
  fc.assert(
    fc.property(question, fc.string(), (asked, userId) => {
      expect(access.decide(anonymous, asked).allowed).toBe(false)
      expect(access.decide({ kind: 'user', userId, issuer: 'i' }, asked).allowed).toBe(userId === asked.subject)
    }),
  )
})
