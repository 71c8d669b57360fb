/** Acme, over its REST API: one call answers for all providers of a user. */
import { z } from 'zod'
import { reveal, secret } from '../../src/lib/secret.ts'
import { secureUrl } from '../../src/lib/url.ts'
import { openHttp } from '../../src/upstreams/http/client.ts'
import { answerError, statusError } from '../../src/upstreams/http/errors.ts'
import { httpOptionFields, httpTuning } from '../../src/upstreams/http/options.ts'
import type { Platform } from '../../src/upstreams/platform.ts'
import type { ExternalAccount, OAuthAccessToken } from '../../src/tokens/types.ts'
import { bareProvider } from '../../src/tokens/ids.ts'
import { isoSeconds, metadata, scopeList, text } from '../../src/upstreams/shapes.ts'

/** What stands below `upstreams.<name>`: descriptions become the rows of docs/configuration.md. */
const options = z.strictObject({
  api_key: z.string().min(1).transform(secret).describe('The secret key of your Acme application.'),
  base_url: secureUrl.default('https://api.acme.example').describe('Where Acme answers.'),
  ...httpOptionFields,
})

/** The documented answer; what is not asked for here, such as a refresh token, is not read. */
const answerShape = z.object({
  connections: z.array(
    z.object({
      id: z.string().min(1),
      service: z.string().min(1),
      access_token: z.string().min(1).transform(secret),
      expires: isoSeconds,
      scope: scopeList,
      label: text,
      data: metadata,
    }),
  ),
})

type Connection = z.output<typeof answerShape>['connections'][number]

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
  open({ api_key, base_url, ...rest }, { name, observe }) {
    const http = openHttp({
      ...httpTuning(rest),
      upstream: name,
      base_url,
      headers: () => ({ authorization: `Bearer ${reveal(api_key)}` }),
      observe,
    })

    const fetchConnections = async (user_id: string, call: Parameters<typeof http.request>[1]) => {
      const answer = await http.request(
        {
          operation: 'acme.connections',
          keys: 1,
          template: '/v1/users/{user_id}/connections',
          params: { user_id },
        },
        call,
      )
      if (answer.status === 404) throw answerError('USER_NOT_FOUND', answer, { upstream: name })
      if (answer.status >= 300) throw statusError(answer, { upstream: name })
      const parsed = answerShape.safeParse(answer.json)
      if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream: name })
      return parsed.data.connections
    }

    return {
      name,
      platform: 'acme',
      autoRefreshes: true,
      tokens: {
        kind: 'all',
        parent: ({ user_id }) => user_id,
        all: fetchConnections,
        pick: ({ provider }, rows) =>
          (rows as readonly Connection[]).filter(({ service }) => service === bareProvider(provider)).map(toToken),
      },
      accounts: {
        kind: 'one',
        one: async (user_id, call) => (await fetchConnections(user_id, call)).map(toAccount),
      },
      state: () => http.state(),
      close: () => http.close(),
    }
  },
}

function toToken({ id, service, access_token, expires, scope, label, data }: Connection): OAuthAccessToken {
  return {
    external_account_id: id,
    provider_user_id: '',
    token: access_token,
    expires_at: expires,
    provider: service,
    public_metadata: data,
    label,
    scopes: scope,
    token_secret: null,
    id_token: null,
  }
}

function toAccount({ id, service, scope, label, data }: Connection): ExternalAccount {
  return {
    id,
    provider: service,
    provider_user_id: '',
    email_address: null,
    username: null,
    first_name: null,
    last_name: null,
    image_url: null,
    label,
    approved_scopes: scope,
    public_metadata: data,
    created_at: null,
    updated_at: null,
  }
}
