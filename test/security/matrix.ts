/** The server of the matrix: a vault with a canary in every cell, and every caller configured. */
import { join } from 'node:path'
import { platforms } from '../../src/upstreams/registry.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { auditKey } from '../audit/chain.ts'
import { startIssuer } from '../servers/jwks.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'
import { callers, fields, providers, subjects } from './callers.ts'
import type { Caller, Cell } from './callers.ts'

export const canaryOf = ({ subject, provider, field }: Cell): string => `canary-${subject}-${provider}-${field}-end`

/** The cells whose canaries are in a text. */
export function cellsIn(text: string): readonly Cell[] {
  return [...text.matchAll(/canary-([a-z]+_\d)-(oauth_[a-z]+)-([a-z_]+)-end/g)].map(
    ([, subject = '', provider = '', field = '']) => ({ subject, provider, field }),
  )
}

export interface Request {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

export interface Matrix extends AsyncDisposable {
  readonly auditPath: string
  /** How many SQL statements the vault ran. */
  readonly statements: () => number
  /** The body of each answer, in order. */
  askAll(
    caller: Caller,
    requests: readonly Request[],
  ): Promise<readonly { readonly text: string; readonly request_id: string }[]>
}

const CONCURRENCY = 8
export const RETURN_TO = 'https://app.example.invalid/settings'

/** A user who is known, but not at the providers of the matrix. */
export const elsewhere = {
  user_id: 'elsewhere_1',
  provider: 'oauth_slack',
  external_account_id: 'eac_elsewhere_1',
  token: 'invented-token-elsewhere',
}

export async function startMatrix(): Promise<Matrix> {
  const folder = makeFolder()
  const issuer = await startIssuer()
  const vault = {
    path: join(folder.path, 'vault.sqlite'),
    keys: [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }],
    clients: Object.fromEntries(
      ['google', 'github'].map((name) => [name, { client_id: 'invented', client_secret: 'invented-client-secret' }]),
    ),
    connect: { public_url: 'https://tokens.example.invalid', return_to: [RETURN_TO] },
  }
  await fill(vault)
  const auditPath = join(folder.path, 'audit.ndjson')
  const server = await startTestServer({
    file: {
      upstreams: { vault: { platform: 'vault', ...vault } },
      providers: { oauth_google: 'vault', oauth_github: 'vault' },
      auth: {
        issuers: [issuer.options()],
        services: callers.flatMap(({ service }) => (service === null ? [] : [service])),
      },
      audit: { sink: 'file', path: auditPath, key: auditKey, fsync: false, max_bytes: 1_000_000_000 },
      limits: { caller_rate: { burst: 1_000_000, per_second: 1_000_000 } },
    },
  })
  let count = 0
  return {
    auditPath,
    statements: () => server.events.length,
    async askAll(caller, requests) {
      const bearer = await caller.bearer(issuer)
      const answers: { text: string; request_id: string }[] = []
      const ask = async (n: number): Promise<void> => {
        if (n >= requests.length) return
        count += 1
        const request_id = `ask-${String(count)}`
        const headers = { 'x-request-id': request_id, ...(bearer !== null && { authorization: `Bearer ${bearer}` }) }
        const response = await server.post(JSON.stringify(requests[n]), headers)
        answers[n] = { text: await response.text(), request_id }
        return ask(n + CONCURRENCY)
      }
      await Promise.all(Array.from({ length: CONCURRENCY }, (_, n) => ask(n)))
      return answers
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

async function fill(options: object): Promise<void> {
  const store = await openStore(platforms.vault.options.parse(options))
  const accounts = subjects.flatMap((subject) =>
    providers.map((provider) =>
      accountRecord.parse({
        user_id: subject,
        provider,
        external_account_id: `eac_${subject}_${provider}`,
        ...Object.fromEntries(fields.map((field) => [field, canaryOf({ subject, provider, field })])),
      }),
    ),
  )
  await writeAccounts(store, [...accounts, accountRecord.parse(elsewhere)])
  await store.close()
}
