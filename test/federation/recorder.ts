/** Stands between a gateway and the server, passes everything on, and remembers what the gateway sent. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

interface Recorded {
  readonly authorization: string | null
  readonly query: string
  readonly variables?: { readonly representations?: readonly Readonly<Record<string, unknown>>[] }
}

export interface Recorder extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly Recorded[]
  /** Every answer, as it went back to the gateway. */
  readonly answers: readonly string[]
  /** While set, requests wait for it before they are passed on. */
  hold(gate: Promise<unknown> | null): void
  /** Resolves once `count` requests have come. */
  arrived(count: number): Promise<void>
}

/** `target` is the graph behind it, as `http://127.0.0.1:4000/graphql`. */
export async function startRecorder(target: string): Promise<Recorder> {
  const requests: Recorded[] = []
  const answers: string[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  let gate: Promise<unknown> | null = null

  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request)
      const { authorization = null } = request.headers
      const { query, variables } = JSON.parse(body) as Recorded
      requests.push({ authorization, query, ...(variables && { variables }) })
      for (const { count, resolve } of waiting) if (requests.length >= count) resolve()
      await gate
      const headers = { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) }
      const answer = await fetch(target, { method: 'POST', headers, body })
      const answered = await answer.text()
      answers.push(answered)
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(answered)
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/graphql`,
    requests,
    answers,
    hold(next) {
      gate = next
    },
    arrived: (count) =>
      new Promise((resolve) => {
        if (requests.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
