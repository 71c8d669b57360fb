/** A defect costs one request, and its error shows nothing of itself. */
import { expect, it } from 'vitest'
import { openAudit } from '../../src/audit/open.ts'
import { responseHeaders } from '../../src/http/policy.ts'
import { startServer } from '../../src/main.ts'
import { createApp } from '../../src/server/app.ts'
import type { AppDeps } from '../../src/server/app.ts'
import type { Metrics } from '../../src/server/observability/metrics.ts'
import { createSource } from '../../src/tokens/source.ts'
import { writeLog } from '../../src/log.ts'
import type { Log } from '../../src/log.ts'
import { makeCanary } from '../kit/find-leaks.ts'
import { configOf } from '../kit/server.ts'

const masked = {
  errors: [
    {
      message: 'Unexpected error.',
      extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false, request_id: expect.any(String) as string },
    },
  ],
}

function collect() {
  const lines: string[] = []
  return { lines, log: writeLog('debug', { write: (line) => void lines.push(line) }) }
}

async function expectMasked(response: Response, canary: string, lines: readonly string[]) {
  expect(response.status).toBe(500)
  expect(Object.fromEntries(response.headers)).toMatchObject(responseHeaders)
  expect(await response.json()).toEqual(masked)
  const defects = lines.filter((line) => line.includes('"msg":"unexpected error"'))
  expect(defects).toHaveLength(1)
  // The operator sees where it was thrown; its message may quote anything.
  expect(defects[0]).toContain('"frames":[')
  expect(lines.join('')).not.toContain(canary)
}

const config = configOf({
  upstreams: { clerk: { platform: 'clerk', secret_key: 'sk_test_invented', base_url: 'http://127.0.0.1:9/v1' } },
  auth: { services: [{ id: 'reader', key_sha256: '0'.repeat(64) }] },
})
const canary = makeCanary()
const fail = () => {
  throw new Error(canary)
}
const metrics: Metrics = { request: fail, refusal: fail, upstream: fail, scrape: fail }
const html = { accept: 'text/html' }

it.each<[string, Partial<AppDeps>, string, Record<string, string>]>([
  ['before GraphQL', { isReady: fail }, '/ready', {}],
  ['before GraphQL, later', { page: { html: () => Promise.reject(new Error(canary)) } }, '/graphql', html],
  ['after the response is made', { metrics }, '/health', {}],
])('a part of the pipeline that throws %s', async (_, broken, path, headers) => {
  const { log, lines } = collect()
  const audit = await openAudit(config.audit, log)
  const source = createSource([], { routes: {}, default: null })
  const none = { documents: null, metrics: null, tracing: null, page: null }
  const deps = { source, audit, log, ...none, isReady: () => true, port: () => null, ...broken }
  const app = createApp({ ...config, mode: 'development' }, deps)
  await expectMasked(await app.fetch(new Request(`http://localhost${path}`, { headers })), canary, lines)
})

it.each([
  ['while it identifies the caller', 'credential refused'],
  ['while it finishes the answer', 'request'],
])('the whole server answers when something throws %s', async (_, message) => {
  const { log, lines } = collect()
  let broken = true
  const brokenLog: Log = {
    ...log,
    debug: log.debug.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    fatal: log.fatal.bind(log),
    isLevelEnabled: log.isLevelEnabled.bind(log),
    info: (_fields: unknown, given?: string) => {
      if (given === message && broken) throw new Error(canary)
    },
  }
  const server = await startServer(config, { log: brokenLog })
  const ask = () =>
    fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer invented-token-1' },
      body: '{"query":"{ __typename }"}',
    })
  await expectMasked(await ask(), canary, lines)
  broken = false
  expect((await ask()).status).toBe(401)
  await server.stop()
})
