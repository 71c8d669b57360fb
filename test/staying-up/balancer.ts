/**
 * What stands in front of several replicas: it asks each `/ready` again and again, sends requests to those that say
 * yes, over connections that it keeps, and never sends a request twice.
 */
import { Agent, request as send, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export const PROBE_EVERY_MS = 20

interface Replica {
  readonly url: string
  readonly agent: Agent
  ready: boolean
}

export interface Balancer extends AsyncDisposable {
  readonly url: string
  /** Resolves once the replica is ready. */
  add(url: string): Promise<void>
  /** For one that has ended. */
  remove(url: string): void
}

export async function startBalancer(): Promise<Balancer> {
  const replicas = new Map<string, Replica>()
  let turn = 0

  const server = createServer((request, response) => {
    const ready = [...replicas.values()].filter((replica) => replica.ready)
    const replica = ready[turn++ % ready.length]
    const fail = () => {
      if (!response.headersSent) response.writeHead(502)
      response.end()
    }
    if (replica === undefined) {
      fail()
      return
    }
    const { method, headers, url: path } = request
    const { connection: _hop, ...forwarded } = headers
    const onward = send(new URL(path ?? '/', replica.url), { method, headers: forwarded, agent: replica.agent })
    onward.on('response', (answer) => {
      const { connection: _nextHop, ...back } = answer.headers
      response.writeHead(answer.statusCode ?? 502, back)
      answer.on('error', () => response.destroy()).pipe(response)
    })
    onward.on('error', fail)
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  async function probe(replica: Replica): Promise<void> {
    replica.ready = await fetch(`${replica.url}/ready`, { headers: { connection: 'close' } }).then(
      async (response) => (await response.body?.cancel(), response.ok),
      () => false,
    )
  }

  async function watch(replica: Replica): Promise<void> {
    while (replicas.has(replica.url)) {
      await probe(replica)
      await sleep(PROBE_EVERY_MS)
    }
  }

  function remove(url: string): void {
    replicas.get(url)?.agent.destroy()
    replicas.delete(url)
  }

  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    async add(url) {
      const replica = { url, agent: new Agent({ keepAlive: true }), ready: false }
      replicas.set(url, replica)
      while (!replica.ready) await probe(replica)
      void watch(replica)
    },
    remove,
    async [Symbol.asyncDispose]() {
      for (const url of replicas.keys()) remove(url)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
