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
  const agents: Agent[] = []
  let turn = 0

  const server = createServer((request, response) => {
    const ready = [...replicas.values()].filter((replica) => replica.ready)
    const replica = ready[turn++ % ready.length]
    const fail = ({ message }: Error) => {
      if (!response.headersSent) response.writeHead(502)
      response.end(message)
    }
    if (replica === undefined) {
      fail(new Error(`no replica of ${String(replicas.size)} is ready`))
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

  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    async add(url) {
      const agent = new Agent({ keepAlive: true })
      agents.push(agent)
      const replica = { url, agent, ready: false }
      replicas.set(url, replica)
      while (!replica.ready) await probe(replica)
      void watch(replica)
    },
    // Not its agent: what a replica sent before it ended may not have been read yet.
    remove: (url) => void replicas.delete(url),
    async [Symbol.asyncDispose]() {
      replicas.clear()
      for (const agent of agents) agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
