/** Acme, over its REST API (docs/platforms/acme.md). */
import { z } from 'zod'
import {
  account,
  answerError,
  CodedError,
  expiry,
  httpOptionFields,
  httpTuning,
  metadata,
  nullIfUnknown,
  openHttp,
  optionalSecret,
  read,
  reveal,
  rows,
  rowsOf,
  scopeList,
  secret,
  settle,
  statusError,
  text,
  token,
  upstreamUrl,
} from '../../src/upstreams/kit.ts'
import type {
  Call,
  ExternalAccount,
  OAuthAccessToken,
  Platform,
  Reading,
  UnreadableRow,
} from '../../src/upstreams/kit.ts'

/** The keys below `upstreams.<name>`: descriptions become the rows of docs/configuration.md. */
const options = z.strictObject({
  api_key: z.string().min(1).transform(secret).describe('The secret key of your Acme application.'),
  base_url: upstreamUrl.default('https://api.acme.example').describe('Where Acme answers.'),
  ...httpOptionFields,
})

/** The documented connection; what is not named here, such as a refresh token, is not read. */
const connectionShape = z.object({
  id: z.string().min(1),
  service: z.string().min(1),
  /** null: the grant is dead, and the user has to consent again. */
  access_token: optionalSecret,
  expires: expiry,
  scope: scopeList,
  label: text,
  data: metadata,
})
type Connection = z.output<typeof connectionShape>

/** The list is always there, as Acme documents. A connection that cannot be read hides no other. */
const answerShape = z.object({
  connections: rows(connectionShape, { provider: z.object({ service: z.string() }).transform((row) => row.service) }),
})
type Connections = readonly (Connection | UnreadableRow)[]

const reading: Reading<z.output<typeof answerShape>> = {
  shape: answerShape,
  toError: (answer) => (answer.status === 404 ? answerError('USER_NOT_FOUND', answer) : statusError(answer)),
}

export const acme: Platform<z.output<typeof options>> = {
  options,
  docs: {
    title: 'Acme',
    holds: 'OAuth 2.0 tokens of every connected account',
    batch: 'One call for all providers of a user',
    refresh: 'By Acme, when it is asked',
    provider_user_id: 'No: `""`',
    external_accounts: 'Yes, in the same call',
  },
  open({ api_key: apiKey, base_url: baseUrl, ...tuning }, deps) {
    const http = openHttp({
      ...httpTuning(tuning),
      baseUrl,
      headers: () => ({ authorization: `Bearer ${reveal(apiKey)}` }),
      ...deps,
    })

    async function readConnections(userId: string, call: Call): Promise<Connections> {
      const spec = {
        operation: 'acme.connections',
        keys: 1,
        template: '/v1/users/{user_id}/connections',
        params: { user_id: userId },
        user: userId,
      }
      return (await read(http, spec, reading, call)).connections
    }

    return {
      autoRefreshes: true,
      tokens: {
        kind: 'all',
        parent: ({ userId }) => userId,
        all: readConnections,
        pick({ provider }, found) {
          const asked = rowsOf(
            found as Connections,
            ({ service }) => service === provider,
            (name) => name === provider,
          )
          return settle(asked, toToken)
        },
      },
      accounts: {
        kind: 'one',
        async one(userId, call) {
          const found = await nullIfUnknown(readConnections(userId, call))
          return found && settle(found, toAccount)
        },
      },
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function toToken({ access_token: accessToken, ...connection }: Connection): OAuthAccessToken {
  if (accessToken === null) throw new CodedError('REAUTHORIZATION_REQUIRED')
  const { id, service, expires, scope, label, data } = connection
  return token({
    external_account_id: id,
    token: accessToken,
    expires_at: expires,
    provider: service,
    public_metadata: data,
    label,
    scopes: scope,
  })
}

function toAccount({ id, service, scope, label, data, access_token: accessToken }: Connection): ExternalAccount {
  return account({
    id,
    provider: service,
    label,
    approved_scopes: scope,
    public_metadata: data,
    needs_reauthorization: accessToken === null,
  })
}
