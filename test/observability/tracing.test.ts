/** OpenTelemetry spans, at a collector that keeps every byte (docs/promises.md S7). */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { holds } from '../servers/misbehaviour.ts'
import { startGraphOverClerk } from '../kit/graph-over-clerk.ts'

interface SentSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
}

/** Keeps what it gets; `status` is what it answers. */
async function startCollector(status = 200) {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v1/traces`,
    bodies,
    spans: (): SentSpan[] =>
      bodies.flatMap((body) =>
        (JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: SentSpan[] }[] }[] }).resourceSpans.flatMap(
          ({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans),
        ),
      ),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const query = `query Named($id: ID!) { user(id: $id) { oauth_access_tokens(provider: "google") { token } } }`

async function run(endpoint: string) {
  const graph = await startGraphOverClerk({}, { tracing: { endpoint } })
  const { clerk, server } = graph
  clerk.addTokens('user_canary', 'oauth_google', [{ token: 'invented-trace-canary' }])
  const body = JSON.stringify({ query, operationName: 'Named', variables: { id: 'user_canary' } })
  const response = await server.post(body, { authorization: `Bearer ${server.key}`, traceparent })
  const answer = await response.text()
  // Stopping sends what is waiting.
  await graph[Symbol.asyncDispose]()
  return { answer, secrets: ['user_canary', 'invented-trace-canary', server.key, clerk.secret_key, clerk.url] }
}

it('sends spans of the request, in the trace of its caller, and of the upstream call, without secrets', async () => {
  const collector = await startCollector()
  const { answer, secrets } = await run(collector.endpoint)
  expect(answer).toContain('invented-trace-canary')
  const spans = collector.spans()
  const request = spans.find(({ name }) => name === 'POST /graphql')
  expect(request).toMatchObject({ traceId: traceparent.split('-')[1], parentSpanId: traceparent.split('-')[2] })
  expect(request?.attributes).toContainEqual({ key: 'graphql.operation.name', value: { stringValue: 'Named' } })
  const call = spans.find(({ name }) => name === 'clerk.oauth_access_tokens')
  expect(call).toMatchObject({ traceId: request?.traceId, parentSpanId: request?.spanId })
  expect(call?.attributes).toContainEqual({ key: 'tokengraph.outcome', value: { stringValue: 'ok' } })
  const everything = collector.bodies.join('')
  for (const secret of [...secrets, 'oauth_google', '$id']) expect(everything).not.toContain(secret)
  collector.close()
})

it('answers also when the collector refuses, or does not run', async () => {
  const collector = await startCollector(503)
  expect((await run(collector.endpoint)).answer).toContain('invented-trace-canary')
  collector.close()
  expect((await run(collector.endpoint)).answer).toContain('invented-trace-canary')
})

it('links a call that several requests shared to each of them', async () => {
  const collector = await startCollector()
  const graph = await startGraphOverClerk({}, { tracing: { endpoint: collector.endpoint } })
  const { clerk, server } = graph
  clerk.addTokens('user_1', 'oauth_google', [{ token: 'invented' }])
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>()
  clerk.misbehave(holds(held), { times: 1 })
  const asked = [1, 2, 3].map(() => server.ask(query, { variables: { id: 'user_1' } }))
  await server.waitForRequests(3)
  release(undefined)
  await Promise.all(asked)
  await graph[Symbol.asyncDispose]()
  const spans = collector.spans()
  const requests = spans.filter(({ name }) => name === 'POST /graphql')
  const calls = spans.filter(({ name }) => name === 'clerk.oauth_access_tokens')
  expect(requests).toHaveLength(3)
  expect(calls).toHaveLength(1)
  expect(calls[0]).not.toHaveProperty('parentSpanId')
  expect(calls[0]?.links?.map(({ spanId }) => spanId).toSorted()).toEqual(
    requests.map(({ spanId }) => spanId).toSorted(),
  )
  collector.close()
})
