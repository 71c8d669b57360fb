/** The whole server on a free port, with upstreams and callers of the test's choosing. */
import { newServiceKey } from '../../src/auth/service-keys.ts'
import { startServer } from '../../src/main.ts'
import type { UpstreamEvent } from '../../src/upstreams/platform.ts'
import type { ServiceOptions } from '../../src/auth/options.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/load.ts'
import { writeLog } from '../../src/log.ts'
import { keepOutput } from './keep-output.ts'

export interface Answer<Data = Record<string, unknown>> {
  readonly data?: Data | null
  readonly errors?: readonly {
    readonly message: string
    readonly path?: readonly (string | number)[]
    readonly extensions: Readonly<Record<string, unknown>> & { readonly code: string }
  }[]
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  /** May read everything. */
  readonly key: string
  /** The key of one of `services`, by its id. */
  keyOf(id: string): string
  /** Every line that the server logged, at level debug. */
  readonly logged: string[]
  readonly events: UpstreamEvent[]
  readonly metrics_url: string | undefined
  /** POSTs an operation; `bearer: null` sends no credential, left out sends the key that may read everything. */
  ask<Data = Record<string, unknown>>(
    query: string,
    options?: { variables?: object; bearer?: string | null; signal?: AbortSignal },
  ): Promise<Answer<Data>>
  /** Resolves once so many operations wait for their upstreams. */
  waitForRequests(count: number): Promise<void>
  /** Resolves once the server has noticed whatever its callers did before. */
  settle(): Promise<void>
  post(body: string, headers?: Record<string, string>): Promise<Response>
}

/** A row of `auth.services`; its key is made by the server. */
export interface TestService {
  readonly id: string
  readonly grants?: readonly object[]
  readonly schema?: boolean
}

/** 0 in the project `planned`, where every operation that can be has a plan; undefined: as in production. */
const ASKS_BEFORE_PLAN = process.env.TEST_PLANNED === 'yes' ? 0 : undefined

/** May read everything. */
export const everything: ServiceOptions['grants'] = [{ providers: ['*'], fields: ['*'], users: ['*'], connect: true }]

export interface TestServerOptions {
  /** Parts of the configuration file, as its YAML would say them. */
  readonly file?: Readonly<Record<string, unknown>>
  readonly services?: readonly TestService[]
  /** Times that an operation is executed before it is planned; left out: as in production, or 0 in the project `planned`. */
  readonly asksBeforePlan?: number
}

export async function startTestServer({
  file = {},
  services: given = [],
  asksBeforePlan = ASKS_BEFORE_PLAN,
}: TestServerOptions): Promise<TestServer> {
  const { key, key_sha256 } = newServiceKey()
  const wide = { id: 'wide', key_sha256, grants: everything, schema: true }
  const keys = new Map(given.map(({ id }) => [id, newServiceKey()]))
  const services = given.map((service) => ({ ...service, key_sha256: keys.get(service.id)!.key_sha256 }))
  const auth = (file.auth ?? {}) as { services?: readonly object[] }
  const config = configOf({
    ...file,
    auth: { ...auth, services: [wide, ...(auth.services ?? []), ...services] },
  })
  const logged: string[] = []
  const events: UpstreamEvent[] = []
  let checkWaiting = (): void => undefined
  const log = writeLog('debug', {
    write: (line) => {
      keepOutput(line)
      logged.push(line)
      checkWaiting()
    },
  })
  const running = await startServer(config, {
    log,
    observe: (event) => void events.push(event),
    asksBeforePlan,
  })
  const settle = async () => {
    for (let round = 0; round < 2; round++) await (await fetch(`${running.url}/health`)).text()
  }
  const post = (body: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${running.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      ...(signal && { signal }),
    })
  return {
    url: running.url,
    key,
    keyOf: (id) => keys.get(id)!.key,
    logged,
    events,
    metrics_url: running.metricsUrl ?? undefined,
    post,
    settle,
    async waitForRequests(count) {
      await new Promise<void>((resolve) => {
        checkWaiting = () => {
          if (logged.filter((line) => line.includes('"msg":"execute"')).length >= count) resolve()
        }
        checkWaiting()
      })
      await settle()
    },
    async ask<Data>(
      query: string,
      {
        variables = {},
        bearer = key,
        signal,
      }: { variables?: object; bearer?: string | null; signal?: AbortSignal } = {},
    ) {
      const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` }
      const response = await post(JSON.stringify({ query, variables }), headers, signal)
      return (await response.json()) as Answer<Data>
    },
    [Symbol.asyncDispose]: () => running.stop(),
  }
}

/**
 * The configuration that a file with this content gives, listening on this machine: on a free port, unless it names one.
 * It is given as an application gives it, without a file: a thousand servers are started so.
 */
export function configOf(file: Readonly<Record<string, unknown>>): Config {
  // Here client, server and upstream share one thread, so that a late loop tells nothing about the server.
  const limits = { loop_delay_ms: 0, ...(file.limits as object | undefined) }
  // As JSON has it: what is undefined is left out.
  const value: unknown = JSON.parse(JSON.stringify({ audit: { sink: 'none' }, ...file, limits }))
  const config = loadConfig({ value, env: {} })
  const { port = 0 } = (file.listen ?? {}) as { readonly port?: number }
  return { ...config, listen: { host: '127.0.0.1', port } }
}
