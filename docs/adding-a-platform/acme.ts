/** Acme, over its REST API (docs/platforms/acme.md). */
import { z } from 'zod'
import {
  account,
  answerError,
  CodedError,
  filledText,
  httpOptionFields,
  httpTuning,
  isoSeconds,
  metadata,
  nullIfUnknown,
  openHttp,
  read,
  reveal,
  scopeList,
  secret,
  upstreamUrl,
  statusError,
  text,
  token,
} from '../../src/upstreams/kit.ts'
import type { Call, ExternalAccount, OAuthAccessToken, Platform, Reading } from '../../src/upstreams/kit.ts'

/** The keys below `upstreams.<name>`: descriptions become the rows of docs/configuration.md. */
const options = z.strictObject({
  api_key: z.string().min(1).transform(secret).describe('The secret key of your Acme application.'),
  base_url: upstreamUrl.default('https://api.acme.example').describe('Where Acme answers.'),
  ...httpOptionFields,
})

/** The documented answer; what is not named here, such as a refresh token, is not read. */
const answerShape = z.object({
  connections: z.array(
    z.object({
      id: z.string().min(1),
      service: z.string().min(1),
      /** null: the grant is dead, and the user has to consent again. */
      access_token: filledText.transform((value) => (value === null ? null : secret(value))),
      expires: isoSeconds,
      scope: scopeList,
      label: text,
      data: metadata,
    }),
  ),
})

type Connections = z.output<typeof answerShape>['connections']
type Connection = Connections[number]

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
      }
      return (await read(http, spec, reading, call)).connections
    }

    return {
      autoRefreshes: true,
      tokens: {
        kind: 'all',
        parent: ({ userId }) => userId,
        all: readConnections,
        pick({ provider }, rows) {
          const asked = (rows as Connections).filter(({ service }) => service === provider)
          const tokens = asked.flatMap(toToken)
          if (tokens.length === 0 && asked.length > 0) throw new CodedError('REAUTHORIZATION_REQUIRED')
          return tokens
        },
      },
      accounts: {
        kind: 'one',
        one: async (userId, call) => (await nullIfUnknown(readConnections(userId, call)))?.map(toAccount) ?? null,
      },
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function toToken({ access_token: accessToken, ...connection }: Connection): OAuthAccessToken[] {
  if (accessToken === null) return []
  const { id, service, expires, scope, label, data } = connection
  return [
    token({
      external_account_id: id,
      token: accessToken,
      expires_at: expires,
      provider: service,
      public_metadata: data,
      label,
      scopes: scope,
    }),
  ]
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
