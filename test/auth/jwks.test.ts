/** docs/promises.md S3: the key set is cached, follows rotation, and the last good one is served through an outage. */
import type { ServerResponse } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { createIdentify } from './support.ts'
import { generateKey, startIssuer } from '../servers/jwks.ts'
import { failureOf } from '../kit/errors.ts'
import { auth, bearerAt, createTestClock, settled } from './support.ts'

// Seconds, each just past a limit of the key set: the cool-down, the maximum age, the timeout of the exchange.
const COOLDOWN = 31
const MAX_AGE = 541
const TIMEOUT = 5

/** An issuer, and callers who read the same clock. */
async function start() {
  const clock = createTestClock()
  const issuer = await startIssuer(clock)
  return {
    ...clock,
    clock,
    issuer,
    identify: bearerAt(clock, issuer),
    [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose](),
  }
}

describe('the key set', () => {
  it('is fetched once for many concurrent callers', async () => {
    await using started = await start()
    const { issuer, identify } = started
    issuer.slow(true)
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => issuer.sign({ sub: `user_${String(n)}` })))
    const answers = Promise.all(tokens.map(identify))
    await vi.waitUntil(() => issuer.requests > 0)
    issuer.slow(false)
    expect((await answers).map((viewer) => viewer.kind)).toEqual(tokens.map(() => 'user'))
    expect(issuer.requests).toBe(1)
  })

  it('is read again at its maximum age, so that a withdrawn key stops to count', async () => {
    await using started = await start()
    const { issuer, identify, pass } = started
    const old = issuer.key
    await identify(await issuer.sign())
    await issuer.rotate({ keep: false })
    expect(await identify(await issuer.sign({ sub: 'user_2' }, { key: old }))).toMatchObject({ userId: 'user_2' })
    pass(MAX_AGE)
    await settled(identify, () => issuer.sign({}, { key: old }))
    expect(issuer.requests).toBe(2)
  })

  it('is read again by a timer, not by callers, and no longer once nobody needs it', async () => {
    await using started = await start()
    const { clock, issuer, pass } = started
    const disposal = new AbortController()
    const identify = createIdentify(auth({ issuers: [issuer.options()] }), { clock, signal: disposal.signal })
    pass(MAX_AGE)
    expect(issuer.requests).toBe(0)
    await identify(`Bearer ${await issuer.sign()}`)
    for (const requests of [2, 3, 4]) {
      pass(MAX_AGE)
      await vi.waitUntil(() => issuer.requests === requests)
      // The timer of the next reading starts when this one has ended.
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    disposal.abort()
    pass(MAX_AGE)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(issuer.requests).toBe(4)
  })

  it('follows a rotation with overlap: the new and the old key both count', async () => {
    await using started = await start()
    const { issuer, identify, pass } = started
    const old = issuer.key
    await identify(await issuer.sign())
    await issuer.rotate()
    pass(COOLDOWN)
    expect(await identify(await issuer.sign({ sub: 'user_new' }))).toMatchObject({ userId: 'user_new' })
    expect(await identify(await issuer.sign({ sub: 'user_old' }, { key: old }))).toMatchObject({ userId: 'user_old' })
    expect(issuer.requests).toBe(2)
    // Without a `kid` it is no longer clear which key is meant (OpenID Connect Core section 10.1 asks for one).
    expect((await failureOf(identify(await issuer.sign({}, { header: { kid: undefined } })))).code).toBe(
      'UNAUTHENTICATED',
    )
  })

  it('is requested at most once per cool-down by a flood of unknown keys', async () => {
    await using started = await start()
    const { issuer, identify, pass } = started
    const key = await generateKey('ES256')
    const flood = async () => {
      const tokens = Array.from({ length: 50 }, (_, n) => issuer.sign({}, { key, header: { kid: `k${String(n)}` } }))
      const errors = await Promise.all(tokens.map(async (token) => failureOf(identify(await token))))
      expect(new Set(errors.map((error) => error.code))).toEqual(new Set(['UNAUTHENTICATED']))
    }
    await flood()
    expect(issuer.requests).toBe(1)
    await flood()
    expect(issuer.requests).toBe(1)
    pass(COOLDOWN)
    await flood()
    await flood()
    expect(issuer.requests).toBe(2)
  })
})

describe('in an outage', () => {
  it('the last good set is served for known keys, with one request per cool-down', async () => {
    await using started = await start()
    const { clock, issuer, pass } = started
    const failures: string[] = []
    const onFailure = (url: string, reason: string) => void failures.push(`${url} ${reason}`)
    const identifyHeader = createIdentify(auth({ issuers: [issuer.options()] }), { onIssuerFailure: onFailure, clock })
    const identify = (token: string) => identifyHeader(`Bearer ${token}`)
    await identify(await issuer.sign())
    issuer.outage(true)
    pass(MAX_AGE)
    await vi.waitUntil(() => failures.length === 1)
    const tokens = await Promise.all(['a', 'b', 'c'].map((name) => issuer.sign({ sub: `user_${name}` })))
    expect((await Promise.all(tokens.map(identify))).map((viewer) => viewer.kind)).toEqual(['user', 'user', 'user'])
    pass(COOLDOWN / 2)
    expect(await identify(await issuer.sign({ sub: 'user_d' }))).toMatchObject({ userId: 'user_d' })
    const unknown = await generateKey('ES256')
    expect((await failureOf(identify(await issuer.sign({}, { key: unknown })))).code).toBe('UNAUTHENTICATED')
    expect(issuer.requests).toBe(2)
    expect(failures).toEqual([`${issuer.issuer} status 503`])

    pass(COOLDOWN)
    await vi.waitUntil(() => failures.length === 2)
    for (const n of [1, 2, 3])
      expect(await identify(await issuer.sign({ sub: `user_b${String(n)}` }))).toMatchObject({ kind: 'user' })
    expect(issuer.requests).toBe(3)

    await issuer.rotate()
    issuer.outage(false)
    pass(COOLDOWN)
    // Its key is unknown, so this caller waits for the set that the timer asked for.
    expect(await identify(await issuer.sign({ sub: 'user_c' }))).toMatchObject({ userId: 'user_c' })
    expect(issuer.requests).toBe(4)
  })

  it('without any good set the error is retryable, tells when to retry, and bounds the requests', async () => {
    await using started = await start()
    const { issuer, identify, pass } = started
    issuer.outage(true)
    const token = await issuer.sign()
    for (let n = 0; n < 5; n += 1) {
      const { code, extensions, message } = await failureOf(identify(token))
      expect({ code, retryable: extensions.retryable }).toEqual({ code: 'UPSTREAM_UNAVAILABLE', retryable: true })
      expect(extensions.retry_after_ms).toBeGreaterThan(0)
      expect(message).toBe("The keys of the token's issuer could not be read.")
    }
    expect(issuer.requests).toBe(1)
    issuer.outage(false)
    pass(6)
    expect(await identify(token)).toMatchObject({ userId: 'user_1' })
  })

  it.each<[string, string, (response: ServerResponse, elsewhere: string) => void]>([
    ['a dropped connection', 'UND_ERR_SOCKET', (response) => response.destroy()],
    ['a redirect', 'status 302', (response, elsewhere) => response.writeHead(302, { location: elsewhere }).end()],
    ['a page', 'not JSON', (response) => response.end('<html>invented</html>')],
    ['no key set', 'ERR_JWKS_INVALID', (response) => response.end('{"invented":[]}')],
    ['a document without end', 'too large', (response) => response.write(`{"keys":[],"x":"${'x'.repeat(300_000)}`)],
  ])('%s is no key set, and does not replace a good one', async (_name, expected, misbehave) => {
    await using started = await start()
    await using elsewhere = await startIssuer()
    const { clock, issuer, pass } = started
    const failures: string[] = []
    const onIssuerFailure = (_issuer: string, reason: string) => void failures.push(reason)
    const warmHeader = createIdentify(auth({ issuers: [issuer.options()] }), { onIssuerFailure, clock })
    const warm = (token: string) => warmHeader(`Bearer ${token}`)
    const cold = bearerAt(clock, issuer)
    await warm(await issuer.sign())
    issuer.answer((response) => {
      misbehave(response, elsewhere.jwks_url)
    })
    pass(MAX_AGE)
    await vi.waitUntil(() => failures.length === 1)
    expect(failures).toEqual([expected])
    expect(await warm(await issuer.sign({ sub: 'user_2' }))).toMatchObject({ userId: 'user_2' })
    expect((await failureOf(cold(await issuer.sign()))).code).toBe('UPSTREAM_UNAVAILABLE')
    expect(issuer.requests).toBe(3)
    expect(elsewhere.requests).toBe(0)
  })

  it('a server that never answers costs no caller with a known key any time', async () => {
    await using started = await start()
    const { clock, issuer, pass } = started
    const failures: string[] = []
    const onIssuerFailure = (_issuer: string, reason: string) => void failures.push(reason)
    const identify = createIdentify(auth({ issuers: [issuer.options()] }), { onIssuerFailure, clock })
    await identify(`Bearer ${await issuer.sign()}`)
    issuer.slow(true)
    pass(MAX_AGE)
    await vi.waitUntil(() => issuer.requests === 2)
    // No clock moves and no answer comes: whoever waited for the issuer would wait for ever.
    expect(await identify(`Bearer ${await issuer.sign({ sub: 'user_2' })}`)).toMatchObject({ userId: 'user_2' })
    expect(failures).toEqual([])
    pass(TIMEOUT)
    await vi.waitUntil(() => failures.length === 1)
    expect(failures).toEqual(['TimeoutError'])
    expect(await identify(`Bearer ${await issuer.sign({ sub: 'user_3' })}`)).toMatchObject({ userId: 'user_3' })
    expect(issuer.requests).toBe(2)
  })

  it('a caller whose key is unknown waits for the server for five seconds', async () => {
    await using started = await start()
    const { issuer, identify, pass } = started
    await identify(await issuer.sign())
    issuer.slow(true)
    pass(COOLDOWN)
    const unknown = await generateKey('ES256')
    let isSettled = false
    const answer = failureOf(identify(await issuer.sign({}, { key: unknown }))).finally(() => {
      isSettled = true
    })
    await vi.waitUntil(() => issuer.requests === 2)
    pass(TIMEOUT - 0.001)
    await new Promise(setImmediate)
    expect(isSettled).toBe(false)
    pass(0.001)
    expect((await answer).code).toBe('UNAUTHENTICATED')
  })

  it('a server that stops in the middle of the document is given up as well', async () => {
    await using started = await start()
    const { clock, issuer, pass } = started
    const failures: string[] = []
    const onIssuerFailure = (_issuer: string, reason: string) => void failures.push(reason)
    const identify = createIdentify(auth({ issuers: [issuer.options()] }), { onIssuerFailure, clock })
    await identify(`Bearer ${await issuer.sign()}`)
    const sent = Promise.withResolvers<undefined>()
    issuer.answer((response) => {
      response.write('{"keys":[', () => {
        sent.resolve(undefined)
      })
    })
    pass(MAX_AGE)
    await sent.promise
    pass(TIMEOUT)
    await vi.waitUntil(() => failures.length === 1)
    expect(failures).toEqual(['TimeoutError'])
    expect(await identify(`Bearer ${await issuer.sign({ sub: 'user_2' })}`)).toMatchObject({ userId: 'user_2' })
  })
})

describe('while the wall clock jumps', () => {
  it('after a failed reading the clock is set back: the keys are asked for again after five seconds', async () => {
    await using started = await start()
    const { clock, issuer, identify, pass } = started
    issuer.outage(true)
    expect((await failureOf(identify(await issuer.sign()))).code).toBe('UPSTREAM_UNAVAILABLE')
    issuer.outage(false)
    clock.jump(-3600)
    pass(TIMEOUT + 1)
    expect(await identify(await issuer.sign())).toMatchObject({ userId: 'user_1' })
  })

  it.each([86_400, -86_400])('keys read while it was %s s off age like others', async (offset) => {
    await using started = await start()
    const { clock, issuer, identify, pass } = started
    clock.jump(offset)
    const old = issuer.key
    await identify(await issuer.sign())
    clock.jump(-offset)
    await issuer.rotate({ keep: false })
    pass(COOLDOWN)
    expect(await identify(await issuer.sign({ sub: 'user_2' }))).toMatchObject({ userId: 'user_2' })
    expect((await failureOf(identify(await issuer.sign({}, { key: old })))).code).toBe('UNAUTHENTICATED')
  })

  it('under load, known keys always count and a withdrawn one is forgotten within 15 minutes', async () => {
    await using started = await start()
    const { clock, issuer, identify, pass } = started
    const [old, exp] = [issuer.key, () => clock.inSeconds(7 * 86_400)]
    const worn = await issuer.sign({ sub: 'user_worn', exp: exp() }, { key: old })
    await identify(worn)
    await issuer.rotate()
    const jumps = [3600, -7200, 86_400, -86_400, 30, -30, 3600]
    let lastWorn = 0
    let isForgotten = false
    for (let seconds = 0; seconds < 1800; seconds += 60) {
      if (seconds === 300) await issuer.rotate({ keep: false })
      clock.jump(jumps[(seconds / 60) % jumps.length]!)
      pass(60)
      // Real time for what runs in the background.
      await new Promise((resolve) => setTimeout(resolve, 5))
      const callers = Array.from({ length: 20 }, (_, n) =>
        issuer.sign({ sub: `user_${n}`, exp: exp() }).then((token) => identify(token)),
      )
      expect((await Promise.all(callers)).map((viewer) => viewer.kind)).toEqual(callers.map(() => 'user'))
      // Each refusal would ask for the keys again, as an unknown key does.
      isForgotten ||= (await identify(worn).catch(() => null)) === null
      if (!isForgotten) lastWorn = seconds + 60
    }
    expect(isForgotten).toBe(true)
    expect(lastWorn).toBeGreaterThan(0)
    expect(lastWorn - 300).toBeLessThanOrEqual(900)
    expect(issuer.requests).toBeLessThanOrEqual(8)
  })
})
