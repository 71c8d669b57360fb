import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { fine, startLocal } from '../servers/local.ts'
import * as faults from '../servers/misbehaviour.ts'
import { call } from '../kit/call.ts'
import { everythingOf, failureOf } from '../kit/errors.ts'
import { openTestHttp, spec } from './support.ts'

describe('an upstream that goes wrong ends in a coded error', () => {
  test.each([
    ['a page of HTML with 200', faults.html(), 'UPSTREAM_PROTOCOL_ERROR'],
    ['an empty body with 200', faults.answers(200, ''), 'UPSTREAM_PROTOCOL_ERROR'],
    ['JSON that ends early', faults.answers(200, '{"fine":'), 'UPSTREAM_PROTOCOL_ERROR'],
    ['a body without end', faults.hugeBody, 'UPSTREAM_PROTOCOL_ERROR'],
    ['a body of just over 1 MiB', faults.answers(200, `"${'a'.repeat(1024 * 1024)}"`), 'UPSTREAM_PROTOCOL_ERROR'],
    ['headers without end', faults.endlessHeaders, 'UPSTREAM_PROTOCOL_ERROR'],
    ['a gzip bomb', faults.gzipBomb, 'UPSTREAM_PROTOCOL_ERROR'],
    ['bytes that are no HTTP', faults.garbage, 'UPSTREAM_PROTOCOL_ERROR'],
    ['a reset connection', faults.reset, 'UPSTREAM_UNAVAILABLE'],
    ['a connection reset in the body', faults.cut, 'UPSTREAM_UNAVAILABLE'],
  ] as const)('%s', async (_, fault, code) => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    server.misbehave(fault, { times: 1 })
    const error = await failureOf(http.request(spec, call()))
    expect(error.extensions).toMatchObject({ code })
    expect(http.events).toMatchObject([{ upstream: 'local', operation: 'test.thing', keys: 1, outcome: 'error' }])
    expect(everythingOf(error)).not.toMatch(/127\.0\.0\.1|invented|Bearer/)
    // The next call is not affected.
    expect((await http.request(spec, call())).json).toEqual({ fine: true })
  })

  test('a body that is not UTF-8', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    server.misbehave((response) => {
      response.writeHead(200).end(Buffer.from([0x22, 0xff, 0x22]))
      return 'spoiled'
    })
    expect(await failureOf(http.request(spec, call()))).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR' })
  })

  test('a refused connection', async () => {
    const server = await startLocal(fine)
    await server.close()
    await using http = openTestHttp(server.url)
    const error = await failureOf(http.request(spec, call()))
    expect(error.code).toBe('UPSTREAM_UNAVAILABLE')
    expect(error.cause).toMatchObject({ message: 'ECONNREFUSED' })
    expect(everythingOf(error)).not.toContain(new URL(server.url).port)
  })

  test('a name that does not exist', async () => {
    await using http = openTestHttp('https://upstream.invalid')
    expect(await failureOf(http.request(spec, call()))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  })

  test('a server that speaks no TLS', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url.replace('http:', 'https:'))
    const error = await failureOf(http.request(spec, call()))
    expect(error.code).toBe('UPSTREAM_UNAVAILABLE')
    expect(everythingOf(error)).not.toMatch(/127\.0\.0\.1/)
  })

  test('a server that accepts the connection and never answers TLS ends at the deadline', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const http = openTestHttp(`https://127.0.0.1:${String(port)}`, { timeoutMs: 150 })
    expect(await failureOf(http.request(spec, call()))).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
    silent.close()
  })
})

describe('redirects are refused', () => {
  test.each([301, 302, 303, 307, 308, 304])('%d', async (status) => {
    await using elsewhere = await startLocal(fine)
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    server.misbehave(faults.redirects(`${elsewhere.url}/stolen`, status))
    const error = await failureOf(http.request(spec, call()))
    expect(error.extensions).toMatchObject({ code: 'UPSTREAM_PROTOCOL_ERROR', upstream_status: status })
    expect(elsewhere.calls).toEqual([])
  })
})

test('a body of exactly 1 MiB is read', async () => {
  const text = 'a'.repeat(1024 * 1024 - 2)
  await using server = await startLocal(() => ({ status: 200, body: text }))
  await using http = openTestHttp(server.url)
  expect((await http.request(spec, call())).json).toBe(text)
})

test.each([
  ['gzip', 'UPSTREAM_PROTOCOL_ERROR'],
  ['br', 'UPSTREAM_PROTOCOL_ERROR'],
  ['identity', undefined],
])('an answer that says content-encoding: %s', async (coding, code) => {
  await using server = await startLocal(() => ({ ...fine(), headers: { 'content-encoding': coding } }))
  await using http = openTestHttp(server.url)
  const outcome = await http.request(spec, call()).catch((error: unknown) => error)
  expect(outcome).toMatchObject(code === undefined ? { json: { fine: true } } : { code })
})

test('a failure with a status is an answer, with JSON or without', async () => {
  await using server = await startLocal(() => ({ status: 404, body: { errors: [] }, headers: { 'x-trace': 'one' } }))
  await using http = openTestHttp(server.url)
  const answer = await http.request(spec, call())
  expect(answer).toMatchObject({ status: 404, json: { errors: [] } })
  expect([answer.header('X-Trace'), answer.header('constructor')]).toEqual(['one', undefined])
  server.misbehave(faults.answers(502, '<html>'))
  expect(await http.request(spec, call())).toMatchObject({ status: 502, json: undefined })
  expect(http.events.map(({ outcome }) => outcome)).toEqual(['error', 'error'])
})

test('a parameter that fits no path is never sent', async () => {
  await using server = await startLocal(fine)
  await using http = openTestHttp(server.url)
  const bad = http.request({ ...spec, template: '/users/{user_id}', params: { user_id: '..' } }, call())
  expect(await failureOf(bad)).toMatchObject({ code: 'BAD_USER_INPUT' })
  expect([server.calls, http.events]).toEqual([[], []])
})

test.each(['a\r\nx-injected: 1', 'a\nb', 'a\0b'])('a header value such as %j does not open', (value) => {
  expect(() => openTestHttp('https://api.example.com', { headers: () => ({ authorization: value }) })).toThrow(
    /authorization/,
  )
})
