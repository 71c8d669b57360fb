import { describe, expect, test } from 'vitest'
import { adapters } from './adapters.ts'
import { startDoor } from './support.ts'

const body = JSON.stringify({ query: '{ __typename }' })
const json = { 'content-type': 'application/json' }
const origins = ['https://app.example', 'http://localhost:3000']

const corsOf = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'))

describe.each(adapters)('over %s', (_, start) => {
  test('a listed origin may send operations, without cookies', async () => {
    await using surface = await start({ cors: { origins } })
    for (const origin of origins) {
      const preflight = await surface.send('/graphql', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      })
      expect(preflight.status).toBe(204)
      expect(preflight.headers.get('cache-control')).toBe('no-store')
      expect(corsOf(preflight)).toStrictEqual({
        vary: 'Authorization, Origin',
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers':
          'authorization, content-type, x-request-id, x-request-timeout-ms, traceparent, tracestate, baggage, apollographql-client-name, apollographql-client-version, apollo-require-preflight, sentry-trace',
        'access-control-expose-headers': 'x-request-id, retry-after',
        'access-control-max-age': '600',
      })
      const answered = {
        vary: 'Authorization, Origin',
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'x-request-id, retry-after',
      }
      const response = await surface.send('/graphql', { method: 'POST', headers: { ...json, origin }, body })
      expect(response.status).toBe(200)
      expect(corsOf(response)).toStrictEqual(answered)
      const failed = await surface.send('/graphql', {
        method: 'POST',
        headers: { ...json, origin, authorization: 'Bearer x' },
        body,
      })
      expect(failed.status).toBe(401)
      expect(corsOf(failed)).toStrictEqual(answered)
    }
  })

  test.each([
    'https://app.example.evil.example',
    'https://APP.example',
    'https://app.example:444',
    'http://app.example',
    'null',
  ])('no other does: %s', async (origin) => {
    await using surface = await start({ cors: { origins } })
    for (const method of ['OPTIONS', 'POST']) {
      const response = await surface.send('/graphql', {
        method,
        headers: { ...json, origin, 'access-control-request-method': 'POST' },
        ...(method === 'POST' && { body }),
      })
      expect(response.status).toBe(403)
      expect(corsOf(response)).toStrictEqual({ vary: 'Authorization, Origin' })
    }
  })
})

test.each(['*', 'app.example', 'https://app.example/', 'https://app.example/path', 'null'])(
  'the configuration refuses %s as an origin',
  async (origin) => {
    await expect(startDoor({ cors: { origins: [origin] } })).rejects.toThrow('cors.origins')
  },
)
