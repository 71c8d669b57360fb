/**
 * A process that reads a vault as a server does. It is told by messages what to read, and it can be made to die at a given
 * point of a refresh, as a machine does that loses power: `node reader-process.ts OPTIONS [FAILPOINT]`.
 */
import { reveal } from '../../../src/lib/secret.ts'
import { openVault } from '../../../src/upstreams/vault/open.ts'
import type { Wrapping } from '../../../src/upstreams/vault/open.ts'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import type { Failpoint, Order, Report } from './processes.ts'

function dieAt(failpoint: string | undefined): Wrapping {
  const die = (): never => {
    process.kill(process.pid, 'SIGKILL')
    throw new Error('killed')
  }
  const at = (point: Failpoint): void => {
    if (failpoint === point) die()
  }
  return {
    leases: (leases) => ({
      ...leases,
      async claim(...given) {
        const row = await leases.claim(...given)
        if (row !== null) at('claimed')
        return row
      },
      async begin(...given) {
        const started = await leases.begin(...given)
        at('begun')
        return started
      },
      async commit(...given) {
        at('committing')
        const isWritten = await leases.commit(...given)
        at('committed')
        return isWritten
      },
    }),
    endpoint: (endpoint) => ({
      ...endpoint,
      async refresh(...given) {
        const answer = await endpoint.refresh(...given)
        at('answered')
        return answer
      },
    }),
  }
}

const [options = '{}', failpoint] = process.argv.slice(2)
const parsed = vaultOptions.parse(JSON.parse(options))
const vault = await openVault(parsed, { observe: () => undefined }, dieAt(failpoint))

async function readOnce({ userId, provider }: Order): Promise<{ token: string } | { problem: string }> {
  const key = { userId, provider, credential: null, minValiditySeconds: 30 }
  const call = { signal: new AbortController().signal, deadline: () => Infinity, viewer: null }
  const [rows = []] = await vault.tokens.read([key], call)
  if (rows instanceof Error) return { problem: rows.message }
  const [row] = rows
  if (row === undefined) return { problem: 'no account' }
  return row.problem === null ? { token: reveal(row.token) } : { problem: row.problem.code }
}

process.on('message', (order: Order | 'end') => {
  if (order === 'end') {
    void vault
      .finish()
      .then(() => vault.close())
      .then(() => process.exit(0))
    return
  }
  void Promise.all(Array.from({ length: order.readers }, () => readOnce(order))).then((found) => {
    const tokens = new Set(found.flatMap((each) => ('token' in each ? [each.token] : [])))
    const problems = found.flatMap((each) => ('problem' in each ? [each.problem] : []))
    process.send?.({ now: Date.now(), tokens: [...tokens], problems } satisfies Report)
  })
})
process.send?.('ready')
