import { describe, expect, test } from 'vitest'
import { fine, startLocal } from '../servers/local.ts'
import { drip, holds, silence } from '../servers/misbehaviour.ts'
import { call, callWithin } from '../kit/call.ts'
import { failureOf } from '../kit/errors.ts'
import { openTestHttp, spec } from './support.ts'

const times = <T>(count: number, what: () => T): T[] => Array.from({ length: count }, what)

describe('concurrency', () => {
  test('60 requests with a concurrency of 7 are never more than 7 at once, and all are answered', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { concurrency: 7 })
    const gate = Promise.withResolvers<undefined>()
    server.misbehave(holds(gate.promise))
    const answers = Promise.all(times(60, () => http.request(spec, call())))
    await server.arrived(7)
    gate.resolve(undefined)
    expect((await answers).map(({ status }) => status)).toEqual(times(60, () => 200))
    expect(server.maxConcurrent).toBe(7)
    expect(server.calls).toHaveLength(60)
  })

  test('connections are kept and used again', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { concurrency: 3 })
    for (let i = 0; i < 20; i++) await http.request(spec, call())
    // Two: undici frees a connection a moment after it hands over the end of the body.
    expect(server.connections).toBeLessThanOrEqual(2)
    await Promise.all(times(30, () => http.request(spec, call())))
    expect(server.connections).toBeLessThanOrEqual(3)
  })

  test('answers that are failures keep their connection, too', async () => {
    await using server = await startLocal(() => ({ status: 404, body: {} }))
    await using http = openTestHttp(server.url)
    for (let i = 0; i < 20; i++) await http.request(spec, call())
    expect(server.connections).toBeLessThanOrEqual(2)
  })
})

describe('the deadline (docs/promises.md R9)', () => {
  test.each([
    ['a black hole', silence],
    ['one byte at a time', drip],
  ])('%s ends with UPSTREAM_TIMEOUT, and the connection is closed', async (_, fault) => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { timeoutMs: 150 })
    server.misbehave(fault, { times: 1 })
    const error = await failureOf(http.request(spec, call()))
    expect(error.extensions).toMatchObject({ code: 'UPSTREAM_TIMEOUT', retryable: true })
    expect(await server.calls[0]?.ended).toBe(false)
    expect(http.events).toMatchObject([{ outcome: 'error' }])
    expect((await http.request(spec, call())).status).toBe(200)
  })

  test('the time in the queue counts, and a request that timed out there is never sent', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { concurrency: 1, timeoutMs: 300 })
    server.misbehave(silence, { times: 1 })
    const codes = (await Promise.all(times(4, () => failureOf(http.request(spec, call()))))).map(({ code }) => code)
    expect(codes).toEqual(times(4, () => 'UPSTREAM_TIMEOUT'))
    expect((await http.request({ ...spec, template: '/after' }, call())).status).toBe(200)
    expect(server.calls.map(({ path }) => path)).toEqual(['/thing', '/after'])
  })
})

describe('the deadline of the caller (docs/promises.md R9)', () => {
  test('ends a request that the upstream would have more time for, and closes the connection', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    server.misbehave(silence, { times: 1 })
    const request = http.request(spec, callWithin(150))
    expect(await failureOf(request)).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
    expect(await server.calls[0]?.ended).toBe(false)
  })

  test('that has passed sends nothing', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    const request = http.request(spec, callWithin(-1))
    expect(await failureOf(request)).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
    expect(server.calls).toEqual([])
  })

  test('may move while the request is under way', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    const gate = Promise.withResolvers<undefined>()
    server.misbehave(holds(gate.promise))
    let until = performance.now() + 100
    const request = http.request(spec, { ...call(), deadline: () => until })
    until += 10_000
    await new Promise((resolve) => setTimeout(resolve, 150))
    gate.resolve(undefined)
    expect((await request).status).toBe(200)
  })
})

describe('the signal of the caller', () => {
  test('ends a request under way with its own reason and closes the connection', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    server.misbehave(silence, { times: 1 })
    const caller = new AbortController()
    const request = http.request(spec, call(caller.signal))
    await server.arrived(1)
    const reason = new Error('the client went away')
    caller.abort(reason)
    await expect(request).rejects.toBe(reason)
    expect(await server.calls[0]?.ended).toBe(false)
    expect(http.events).toMatchObject([{ outcome: 'aborted' }])
  })

  test('ends a request in the queue at once, and it is never sent', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url, { concurrency: 1 })
    const gate = Promise.withResolvers<undefined>()
    server.misbehave(holds(gate.promise), { times: 1 })
    const first = http.request(spec, call())
    await server.arrived(1)
    const caller = new AbortController()
    const queued = http.request({ ...spec, template: '/queued' }, call(caller.signal))
    caller.abort(new Error('enough'))
    await expect(queued).rejects.toThrow('enough')
    gate.resolve(undefined)
    expect((await first).status).toBe(200)
    await http.request({ ...spec, template: '/after' }, call())
    expect(server.calls.map(({ path }) => path)).toEqual(['/thing', '/after'])
  })

  test('that is aborted already sends nothing', async () => {
    await using server = await startLocal(fine)
    await using http = openTestHttp(server.url)
    await expect(http.request(spec, call(AbortSignal.abort(new Error('before'))))).rejects.toThrow('before')
    expect([server.calls, http.events]).toEqual([[], []])
  })
})

test('every request carries the same headers, and asks for no compression', async () => {
  await using server = await startLocal(fine)
  await using http = openTestHttp(`${server.url}/v1/`)
  await http.request(
    {
      ...spec,
      query: [
        ['a', '1'],
        ['a', '2'],
      ],
    },
    call(),
  )
  const [received] = server.calls
  expect(received?.headers).toMatchObject({
    authorization: 'Bearer invented-key',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'tokengraph',
  })
  expect([received?.method, received?.path, received?.query.toString()]).toEqual(['GET', '/v1/thing', 'a=1&a=2'])
})

test('close waits for the requests under way and then lets every connection go', async () => {
  await using server = await startLocal(fine)
  const http = openTestHttp(server.url)
  const gate = Promise.withResolvers<undefined>()
  server.misbehave(holds(gate.promise))
  const request = http.request(spec, call())
  await server.arrived(1)
  const closed = http.close()
  gate.resolve(undefined)
  expect((await request).status).toBe(200)
  await closed
  expect(await failureOf(http.request(spec, call()))).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' })
  expect(server.calls).toHaveLength(1)
})
