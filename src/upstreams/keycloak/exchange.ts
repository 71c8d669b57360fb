/** `POST …/openid-connect/token`: the two token exchanges of Keycloak (upstreams/keycloak.md part C). */
import { z } from 'zod'
import { CodedError } from '../../errors.ts'
import { shareCalls } from '../../lib/singleflight.ts'
import type { TokenKey } from '../../tokens/types.ts'
import { reveal, secret } from '../../lib/secret.ts'
import type { Secret } from '../../lib/secret.ts'
import type { HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call } from '../platform.ts'
import { remainingSeconds } from '../shapes.ts'
import { exchangeError } from './errors.ts'
import { userToken, type Client, type Realm } from './realm.ts'
import { readStored, type Stored } from './stored.ts'

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

const tokenBody = z.object({ access_token: z.string().min(1), expires_in: remainingSeconds })

async function ask(
  realm: Realm,
  client: Client,
  key: TokenKey,
  more: readonly (readonly [string, string])[],
  call: Call,
): Promise<HttpAnswer> {
  return realm.http.request(
    {
      operation: 'keycloak.token_exchange',
      keys: 1,
      method: 'POST',
      // It changes nothing that a second one would not change, too.
      idempotent: true,
      template: '/realms/{realm}/protocol/openid-connect/token',
      params: { realm: realm.name },
      body: {
        form: [
          ['grant_type', GRANT_TYPE],
          ['client_id', client.client_id],
          ['client_secret', reveal(client.client_secret)],
          ['subject_token', userToken(realm, key)],
          ['subject_token_type', ACCESS_TOKEN],
          ['requested_token_type', ACCESS_TOKEN],
          ...more,
        ],
      },
    },
    call,
  )
}

/**
 * Standard token exchange: the user's token for one of our client, which has the role to read stored tokens. Shared by
 * the calls that need it at the same time, and then forgotten.
 */
export function exchangeForClient(realm: Realm, client: Client): (key: TokenKey, call: Call) => Promise<Secret> {
  const { upstream } = realm
  const share = shareCalls<TokenKey, Secret>(
    {
      kind: 'one',
      async one(key, call) {
        const answer = await ask(realm, client, key, [], call)
        if (answer.status >= 300)
          throw exchangeError(answer, upstream) ?? answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
        const parsed = tokenBody.safeParse(answer.json)
        if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
        return secret(parsed.data.access_token)
      },
    },
    ({ user_id, credential }) => `${user_id} ${credential?.id ?? ''}`,
  )
  return async (key, call) => {
    const exchanged = await share([key], call)[0]
    if (exchanged == null) throw new CodedError('UPSTREAM_PROTOCOL_ERROR', undefined, { upstream })
    return exchanged
  }
}

/** The deprecated exchange for the provider's own token (`requested_issuer`); null: nothing is connected. */
export async function exchangeForProvider(
  realm: Realm,
  client: Client,
  key: TokenKey,
  alias: string,
  call: Call,
): Promise<Stored | null> {
  const { upstream } = realm
  const answer = await ask(realm, client, key, [['requested_issuer', alias]], call)
  if (answer.status >= 300) {
    const error = exchangeError(answer, upstream)
    if (error === null) return null
    throw error
  }
  const parsed = tokenBody.safeParse(answer.json)
  if (!parsed.success) throw answerError('UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
  const { access_token, expires_in: expires_at } = parsed.data
  return readNested(access_token) ?? { ...bare, token: access_token, expires_at }
}

const bare = {
  token_secret: null,
  id_token: null,
  scopes: null,
  provider_user_id: null,
  label: null,
  public_metadata: {},
} as const

/** Twitter's token is the stored JSON itself. */
function readNested(access_token: string): Stored | null {
  try {
    return readStored(JSON.parse(access_token))
  } catch {
    return null
  }
}
