import { describe, expect, test } from 'vitest'
import { fine, startLocal } from '../servers/local.ts'
import { call } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import { openTestHttp, spec } from './support.ts'

describe('what a request sends', () => {
  test('a form, in the order given and with its content type', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    const form = [
      ['a', '1 & 2'],
      ['b', 'ü'],
      ['a', '3'],
    ] as const
    await http.request({ ...spec, method: 'POST', body: { form } }, call())
    expect(server.calls).toMatchObject([
      {
        method: 'POST',
        body: 'a=1+%26+2&b=%C3%BC&a=3',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': '22',
          authorization: 'Bearer invented-key',
        },
      },
    ])
  })

  test('JSON, with a PATCH', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    await http.request({ ...spec, method: 'PATCH', body: { json: { a: ['ü'] } } }, call())
    expect(server.calls).toMatchObject([
      { method: 'PATCH', body: '{"a":["ü"]}', headers: { 'content-type': 'application/json' } },
    ])
  })

  test('its own headers, which override those of the pool in any case', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { headers: () => ({ Authorization: 'Bearer pool', 'X-Pool': 'yes' }) })
    await http.request({ ...spec, headers: { AUTHORIZATION: 'Bearer mine' } }, call())
    await http.request(spec, call())
    expect(server.calls).toMatchObject([
      { headers: { authorization: 'Bearer mine', 'x-pool': 'yes' } },
      { headers: { authorization: 'Bearer pool', 'x-pool': 'yes' } },
    ])
  })

  test('no header with a line break', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    const bad = http.request({ ...spec, headers: { authorization: 'Bearer a\r\nx-injected: 1' } }, call())
    expect(await failureOf(bad)).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(server.calls).toEqual([])
  })
})
