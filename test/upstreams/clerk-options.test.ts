import { expect, test } from 'vitest'
import { z } from 'zod'
import { reveal } from '../../src/lib/secret.ts'
import { clerk } from '../../src/upstreams/clerk/index.ts'

test('only the key is required', () => {
  const { secret_key, ...rest } = clerk.options.parse({ secret_key: 'sk_test_invented' })
  expect(reveal(secret_key)).toBe('sk_test_invented')
  expect(rest).toEqual({
    base_url: 'https://api.clerk.com/v1',
    api_version: '2026-05-12',
    concurrency: 50,
    timeout_ms: 10_000,
    retries: 2,
    breaker: { minimum_requests: 20, failure_rate: 0.5 },
  })
})

test.each<[{ secret_key?: string; [option: string]: unknown }]>([
  [{}],
  [{ secret_key: '' }],
  [{ secret_key: 'sk test' }],
  [{ secret_key: 'sk_test\r\nx: y' }],
  [{ secret_key: 'sk_test', base_url: 'ftp://api.clerk.com/v1' }],
  [{ secret_key: 'sk_test', base_url: 'https://u:p@api.clerk.com' }],
  [{ secret_key: 'sk_test', concurrency: 0 }],
  [{ secret_key: 'sk_test', concurrency: 1001 }],
  [{ secret_key: 'sk_test', timeout_ms: 99 }],
  [{ secret_key: 'sk_test', api_version: 'latest' }],
  [{ secret_key: 'sk_test', other: 1 }],
])('%j is refused, and the refusal never shows the key', (given) => {
  const { success, error } = clerk.options.safeParse(given)
  expect(success).toBe(false)
  if (typeof given.secret_key === 'string' && given.secret_key !== '')
    expect(JSON.stringify(error) + String(error)).not.toContain(given.secret_key)
})

test('every option has a description for the docs', () => {
  const { properties } = z.toJSONSchema(clerk.options, { io: 'input' })
  expect(Object.keys(properties ?? {})).toEqual([
    'secret_key',
    'base_url',
    'api_version',
    'concurrency',
    'timeout_ms',
    'rate',
    'retries',
    'breaker',
  ])
  for (const option of Object.values(properties ?? {})) expect(option).toHaveProperty('description')
})
