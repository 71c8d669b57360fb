import { expect, test } from 'vitest'
import { z } from 'zod'
import { reveal } from '../../src/lib/secret.ts'
import { betterAuth } from '../../src/upstreams/better-auth/index.ts'
import { loadOptionalPackage } from '../../src/upstreams/better-auth/optional-package.ts'

const sqlite = { database: { sqlite: './app.sqlite' }, encrypted: false }

test('only the file and whether tokens are encrypted are required', () => {
  expect(betterAuth.options.parse(sqlite)).toMatchObject({
    database: { sqlite: './app.sqlite' },
    table: 'account',
    columns: { id: 'id', user_id: 'userId', access_token: 'accessToken' },
    user_id_type: 'text',
    concurrency: 10,
    timeout_ms: 10_000,
  })
})

test.each([
  ['postgres://u:p%40ss@db.internal/app', { host: 'db.internal', port: 5432, user: 'u', database: 'app', tls: true }],
  ['postgresql://u@db.internal:6543/app?sslmode=disable', { host: 'db.internal', port: 6543, tls: false }],
  ['postgres://u:p@127.0.0.1/app', { host: '127.0.0.1', tls: false }],
  ['postgres://u:p@[::1]:5432/app', { host: '::1', tls: false }],
  ['postgres://u:p@localhost/app?sslmode=require', { host: 'localhost', tls: true }],
  ['postgres://u:p@db.internal/app?sslmode=verify-full&channel_binding=require', { tls: true }],
])('the URL %s', (postgres, expected) => {
  const { database } = betterAuth.options.parse({ database: { postgres }, encrypted: false })
  expect(database.postgres).toMatchObject(expected)
})

test('the password of a URL is decoded, and a secret', () => {
  const { database } = betterAuth.options.parse({
    database: { postgres: 'postgres://u:p%40ss@db.internal/app' },
    encrypted: false,
  })
  expect(reveal(database.postgres!.password)).toBe('p@ss')
  expect(JSON.stringify(database)).not.toContain('p@ss')
})

test.each<[string, object]>([
  ['no database', { encrypted: false }],
  ['two databases', { ...sqlite, database: { sqlite: 'a', postgres: 'postgres://u:invented-password@h/d' } }],
  ['an empty database', { ...sqlite, database: {} }],
  ['nothing about encryption', { database: { sqlite: 'a' } }],
  ['encryption without a secret', { database: { sqlite: 'a' }, encrypted: true }],
  ['an empty secret', { database: { sqlite: 'a' }, encrypted: true, secret: '' }],
  [
    'two secrets of one version',
    {
      ...sqlite,
      secrets: [
        { version: 1, secret: 'invented-password' },
        { version: 1, secret: 'invented-password-2' },
      ],
    },
  ],
  ['another protocol', { ...sqlite, database: { postgres: 'mysql://u:invented-password@h/d' } }],
  ['no user', { ...sqlite, database: { postgres: 'postgres://h/d' } }],
  ['no database name', { ...sqlite, database: { postgres: 'postgres://u:invented-password@h' } }],
  [
    'a TLS mode that may fall back',
    { ...sqlite, database: { postgres: 'postgres://u:invented-password@h/d?sslmode=prefer' } },
  ],
  ['a parameter of the URL', { ...sqlite, database: { postgres: 'postgres://u:invented-password@h/d?options=-cx' } }],
  ['a broken escape', { ...sqlite, database: { postgres: 'postgres://u:invented-password%@h/d' } }],
  ['a table with a quote', { ...sqlite, table: 'a"b' }],
  ['a column with a space', { ...sqlite, columns: { scope: 'a b' } }],
  ['an unknown column', { ...sqlite, columns: { password: 'password' } }],
  ['an unknown key', { ...sqlite, other: 1 }],
])('%s is refused, and no refusal shows a secret', (_, given) => {
  const { success, error } = betterAuth.options.safeParse(given)
  expect(success).toBe(false)
  expect(JSON.stringify(error) + String(error)).not.toContain('invented-password')
})

test('every option has a description for the docs', () => {
  const json = z.toJSONSchema(betterAuth.options, { io: 'input', unrepresentable: 'any' })
  const undescribed = (schema: typeof json, path: string): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
      const below = child as typeof json
      const own = below.description === undefined ? [`${path}${name}`] : []
      return [
        ...own,
        ...undescribed(below, `${path}${name}.`),
        ...undescribed((below.items ?? {}) as typeof json, `${path}${name}[].`),
      ]
    })
  expect(Object.keys(json.properties ?? {})).toContain('database')
  expect(undescribed(json, '')).toEqual([])
})

test('a package that is not installed is named, with the command that installs it', () => {
  expect(() => loadOptionalPackage('invented-absent-package/part', 'better-auth on PostgreSQL')).toThrow(
    'better-auth on PostgreSQL needs the package invented-absent-package, which is not installed: run npm install invented-absent-package',
  )
})
