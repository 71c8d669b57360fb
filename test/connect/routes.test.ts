/** The two routes that browsers take: their headers, their cookie, and everything that they refuse. */
import { describe, expect, test } from 'vitest'
import { begin, newVerifier, openConnectScene } from './scene.ts'

describe('the routes of the browser', () => {
  test.each([
    ['/connect/' + 'x'.repeat(43), 'GET', 404],
    ['/connect/short', 'GET', 404],
    ['/connect/callback/acme', 'GET', 404],
    [`/connect/callback/acme?state=${'x'.repeat(13_000)}`, 'GET', 404],
    ['/connect/', 'GET', 404],
    ['/connect/' + 'x'.repeat(43), 'POST', 405],
    ['/connect/' + 'x'.repeat(43), 'OPTIONS', 405],
    ['/connect/' + 'x'.repeat(43), 'HEAD', 405],
    ['/connect', 'GET', 404],
  ])('%s with %s answers %i, with every header of a closed door', async (path, method, status) => {
    const { publicUrl } = await openConnectScene()
    const response = await fetch(publicUrl + path, { method, redirect: 'manual' })
    expect(response.status).toBe(status)
    const headers = Object.fromEntries(response.headers)
    expect(headers).toMatchObject({
      ...{ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' },
      'x-content-type-options': 'nosniff',
    })
    if (headers['content-type']?.startsWith('text/html') === true)
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; .*frame-ancestors 'none'$/,
      )
  })

  test('the redirects have a policy, too, and the cookie is for this request and this browser alone', async () => {
    const scene = await openConnectScene()
    const begun = await begin(scene, 'user_1')
    const response = await fetch(begun.authorization_url, { redirect: 'manual' })
    expect(response.status).toBe(303)
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(response.headers.getSetCookie()).toStrictEqual([
      expect.stringMatching(/^tg_connect_[\w-]{12}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/),
    ])
    const target = new URL(response.headers.get('location')!)
    expect(Object.fromEntries(target.searchParams)).toMatchObject({
      ...{ response_type: 'code', code_challenge_method: 'S256', scope: 'read' },
      redirect_uri: `${scene.publicUrl}/connect/callback/acme`,
    })
  })

  test('with https the cookie is __Host- and Secure', async () => {
    const scene = await openConnectScene({ connect: { public_url: 'https://tokens.example.invalid' } })
    const begun = await begin(scene, 'user_1')
    expect(begun.authorization_url.startsWith('https://tokens.example.invalid/connect/')).toBe(true)
    const response = await fetch(scene.server.url + new URL(begun.authorization_url).pathname, { redirect: 'manual' })
    expect(response.headers.getSetCookie()).toStrictEqual([
      expect.stringMatching(
        /^__Host-tg_connect_[\w-]{12}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
      ),
    ])
  })

  test('without `connect` there are no such routes, and the mutations say so', async () => {
    const { app, publicUrl } = await openConnectScene({ connect: null })
    expect((await fetch(`${publicUrl}/connect/${'x'.repeat(43)}`)).status).toBe(404)
    const { errors } = await app('user_1').start({ code_challenge: newVerifier().challenge })
    expect(errors).toMatchObject([{ extensions: { code: 'CONNECT_NOT_SUPPORTED' } }])
  })
})
