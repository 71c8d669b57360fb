/** The body: checked as it was sent, not read without a valid signature, bounded in size and time. */
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { KEY, sign, startProved } from './support.ts'
import type { Proved, Signed } from './support.ts'

/** Sends the headers and a part of the body, and returns the status of the answer. */
async function sendSlowly({ server }: Proved, { headers }: Pick<Signed, 'headers'>, part: string): Promise<number> {
  const sent = request(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked', ...headers },
  })
  sent.on('error', () => undefined)
  sent.write(part)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  sent.destroy()
  return response.statusCode!
}

describe('the body', () => {
  it('is not read when the headers are not valid', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } })
    expect(await sendSlowly(proved, { headers: {} }, '{')).toBe(401)
    expect(await sendSlowly(proved, await sign({ key: `${KEY.secret}x` }), '{')).toBe(401)
  })

  it('is refused when it is too large, with valid headers too', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } }, { file: { limits: { body_bytes: 1000 } } })
    const signed = await sign({ body: JSON.stringify({ query: `{ __typename } #${'x'.repeat(1000)}` }) })
    expect((await proved.send(signed)).status).toBe(413)
    expect(await sendSlowly(proved, await sign(), 'x'.repeat(1001))).toBe(413)
  })

  it('is refused when it does not arrive in time', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } }, { file: { request_timeout_ms: 200 } })
    expect(await sendSlowly(proved, await sign(), '{')).toBe(408)
  })

  it('is the executed operation, in UTF-8', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } })
    const signed = await sign({ body: '{"query":"query Größe { __typename }"}' })
    expect((await proved.send(signed)).answer.errors?.[0]?.message).toMatch(/Syntax Error/)
    const plain = await sign({ body: '{"query":"{ __typename } # Größe"}' })
    expect(await proved.send(plain)).toEqual({ status: 200, answer: { data: { __typename: 'Query' } } })
  })

  it('may break off without an effect on other requests', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } })
    const { headers } = await sign()
    const sent = request(`${proved.server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked', ...headers },
    })
    sent.on('error', () => undefined)
    await new Promise((resolve) => sent.write('{', resolve))
    await proved.server.settle()
    sent.destroy()
    await proved.server.settle()
    expect((await proved.send(await sign())).status).toBe(200)
  })
})

describe('health probes', () => {
  it('require no proof; every operation does', async () => {
    await using proved = await startProved({ signatures: { keys: [KEY] } })
    expect((await fetch(`${proved.server.url}/health`)).status).toBe(200)
    expect((await fetch(`${proved.server.url}/ready`)).status).toBe(200)
    expect((await proved.send({ body: '{"query":"{ __typename }"}' })).status).toBe(401)
    expect((await proved.send({ body: 'no JSON' })).status).toBe(401)
  })
})
