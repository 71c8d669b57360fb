/** Requests to the server under test, one by one and under load. */
import autocannon from 'autocannon'
import type { Result } from 'autocannon'

export interface Target {
  /** As `http://127.0.0.1:4700`. */
  readonly url: string
  readonly key: string
  /** Beside the credentials. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Operation {
  readonly query: string
  readonly variables?: object
}

function request({ key, headers }: Target, operation: Operation) {
  return {
    method: 'POST' as const,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify(operation),
  }
}

/** Throws unless the answer has data and no errors. */
export async function ask(target: Target, operation: Operation): Promise<void> {
  const response = await fetch(`${target.url}/graphql`, request(target, operation))
  const text = await response.text()
  const { data, errors } = JSON.parse(text) as { data?: unknown; errors?: unknown }
  if (data == null || errors !== undefined) throw new Error(`no clean answer: ${text.slice(0, 500)}`)
}

/** As many requests as fit into `seconds`, over so many connections; throws when one of them failed. */
export async function load(
  target: Target,
  operation: Operation,
  connections: number,
  seconds: number,
): Promise<Result> {
  const result = await autocannon({
    url: `${target.url}/graphql`,
    connections,
    duration: seconds,
    ...request(target, operation),
  })
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${String(failed)} requests failed`)
  return result
}

/** Resolves once the server answers; throws when it does not within ten seconds. */
export async function waitUntilReady(url: string): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until;) {
    const ready = await fetch(`${url}/ready`).catch(() => null)
    if (ready?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the server did not start')
}
