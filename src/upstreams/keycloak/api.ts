/**
 * The endpoints of one realm (docs/platforms/keycloak.md, sections 2 and 5): the broker endpoint and the token exchanges
 * (RFC 8693), which read what is stored for a user, and the list of what a user has linked.
 */
import { decodeJwt } from 'jose'
import { z } from 'zod'
import {
  answerError,
  blameOf,
  CodedError,
  filledText,
  joinIds,
  read,
  readAnswer,
  remainingSeconds,
  requiredSecret,
  reveal,
  rows,
  shareCalls,
  statusError,
} from '../kit.ts'
import type { Call, ErrorCode, Http, HttpAnswer, Reading, Secret, TokenKey, UnreadableRow } from '../kit.ts'
import { bareToken, isAssertion, storedAnswer } from './stored.ts'
import type { Stored } from './stored.ts'

export interface Client {
  readonly client_id: string
  readonly client_secret: Secret
}

export interface Realm {
  readonly http: Http
  readonly name: string
  /** Compared with the `iss` of the token that is forwarded. */
  readonly issuer: string
}

/** Reads what is stored for the user of the key at the alias `key.provider`; null: nothing is connected. */
export type ReadStored = (key: TokenKey, call: Call) => Promise<Stored | null>

/**
 * The user's own token, revealed for the one request that it is forwarded with. UPSTREAM_REJECTED where there is none,
 * because a service asks, or where another issuer signed it: Keycloak must not see it then.
 */
function userToken({ issuer }: Realm, { credential }: TokenKey): string {
  const token = credential === null ? null : reveal(credential.secret)
  if (token === null || issuerOf(token) !== issuer)
    throw new CodedError('UPSTREAM_REJECTED', 'The platform answers to the token that it issued to the user alone.')
  return token
}

function issuerOf(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null
  } catch {
    return null
  }
}

/**
 * Reads from `GET …/broker/{alias}/token`. With a client, the user's token is first exchanged for one of that client,
 * which has the role to read stored tokens (standard token exchange).
 */
export function readByBroker(realm: Realm, client: Client | null): ReadStored {
  if (client === null) return async (key, call) => askBroker(realm, userToken(realm, key), key, call)
  const exchange = shareCalls(
    async (key: TokenKey, call: Call) => {
      const { access_token: token } = await askExchange(
        realm,
        client,
        key,
        { parameters: [], reading: forClient, asksProvider: false },
        call,
      )
      return token
    },
    ({ userId, credential }) => joinIds(userId, credential?.id ?? ''),
  )
  return async (key, call) => askBroker(realm, reveal(await exchange(key, call)), key, call)
}

async function askBroker(realm: Realm, bearer: string, key: TokenKey, call: Call): Promise<Stored | null> {
  const answer = await realm.http.request(
    {
      operation: 'keycloak.broker_token',
      keys: 1,
      template: '/realms/{realm}/broker/{alias}/token',
      params: { realm: realm.name, alias: key.provider },
      headers: { authorization: `Bearer ${bearer}` },
      acceptsText: true,
      // Keycloak refreshes at the provider before it answers (docs/platforms/keycloak.md section 4).
      scope: key.provider,
      user: key.userId,
      blame: blameOf(ofBroker),
    },
    call,
  )
  const { text } = answer
  if (text === undefined) return readAnswer(answer, ofBroker)
  if (isAssertion(text)) throw answerError('UNSUPPORTED_CREDENTIAL', answer)
  // The form-encoded answer of older providers: `access_token=…&scope=repo`.
  return readAnswer({ ...answer, json: Object.fromEntries(new URLSearchParams(text.trim())) }, ofBroker)
}

const brokerBody = z.object({ errorMessage: z.string().optional(), error: z.string().optional() })

/**
 * The broker endpoint has statuses and English sentences, and no codes: the status decides, the sentence only tells
 * cases apart that share one.
 */
const ofBroker: Reading<Stored | null> = {
  shape: storedAnswer,
  valueIn: (answer) =>
    answer.status === 400 && /not associated/i.test(sentenceOf(answer)?.errorMessage ?? '') ? null : undefined,
  // A 502 in Keycloak's own words is about the provider; one without is that of a proxy in front of Keycloak.
  isOfProvider: (answer) => answer.status === 502 && (sentenceOf(answer)?.errorMessage ?? '') !== '',
  toError(answer) {
    const body = sentenceOf(answer)
    const code = body === null ? null : brokerCode(answer.status, body.errorMessage ?? '', body.error ?? null)
    return code === null ? statusError(answer) : answerError(code, answer)
  },
}

function sentenceOf(answer: HttpAnswer): z.output<typeof brokerBody> | null {
  return brokerBody.safeParse(answer.json).data ?? null
}

function brokerCode(status: number, message: string, error: string | null): ErrorCode | null {
  switch (status) {
    case 400:
      if (/does not support/i.test(message)) return 'PROVIDER_NOT_CONFIGURED'
      // Not a 401, although it is the user's session that has ended.
      return /invalid token/i.test(message) ? 'UPSTREAM_REJECTED' : null
    case 404:
      if (/realm/i.test(error ?? message)) return 'UPSTREAM_REJECTED'
      return /token/i.test(message) ? 'REAUTHORIZATION_REQUIRED' : 'PROVIDER_NOT_CONFIGURED'
    case 502:
      // The provider refused the refresh, or could not be reached: Keycloak does not say which.
      return /refresh/i.test(message) ? 'REAUTHORIZATION_REQUIRED' : 'UPSTREAM_UNAVAILABLE'
    default:
      return null
  }
}

/** Reads by the deprecated exchange for the provider's own token (`requested_issuer`). */
export function readByExchange(realm: Realm, client: Client): ReadStored {
  return async (key, call) => {
    const parameters = [['requested_issuer', key.provider]] as const
    const exchanged = await askExchange(
      realm,
      client,
      key,
      { parameters, reading: forProvider, asksProvider: true },
      call,
    )
    if (exchanged === null) return null
    const { access_token: token, expires_in: expiresAt } = exchanged
    return readNested(reveal(token)) ?? { ...bareToken(token), expiresAt }
  }
}

/** Twitter's token is the stored JSON itself. */
function readNested(token: string): Stored | null {
  try {
    return storedAnswer.safeParse(JSON.parse(token)).data ?? null
  } catch {
    return null
  }
}

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

interface Exchange<T> {
  readonly parameters: readonly (readonly [name: string, value: string])[]
  readonly reading: Reading<T>
  /** Whether Keycloak may have to refresh at the provider before it answers. */
  readonly asksProvider: boolean
}

/** `POST …/openid-connect/token`: exchanges the user's token (RFC 8693). */
async function askExchange<T>(
  realm: Realm,
  client: Client,
  key: TokenKey,
  { parameters, reading, asksProvider }: Exchange<T>,
  call: Call,
): Promise<T> {
  return read(
    realm.http,
    {
      operation: 'keycloak.token_exchange',
      keys: 1,
      method: 'POST',
      // A second exchange changes nothing that the first did not.
      idempotent: true,
      template: '/realms/{realm}/protocol/openid-connect/token',
      params: { realm: realm.name },
      ...(asksProvider && { scope: key.provider }),
      user: key.userId,
      body: {
        form: [
          ['grant_type', GRANT_TYPE],
          ['client_id', client.client_id],
          ['client_secret', reveal(client.client_secret)],
          ['subject_token', userToken(realm, key)],
          ['subject_token_type', ACCESS_TOKEN],
          ['requested_token_type', ACCESS_TOKEN],
          ...parameters,
        ],
      },
    },
    reading,
    call,
  )
}

const oauthBody = z.object({ error: z.string() })

const exchangeCodes: ReadonlyMap<string, ErrorCode> = new Map([
  ['token_expired', 'REAUTHORIZATION_REQUIRED'],
  ['invalid_target', 'PROVIDER_NOT_CONFIGURED'],
  ['invalid_request', 'PROVIDER_NOT_CONFIGURED'],
  ['invalid_token', 'UPSTREAM_REJECTED'],
  ['invalid_client', 'UPSTREAM_REJECTED'],
  ['unauthorized_client', 'UPSTREAM_REJECTED'],
  ['access_denied', 'UPSTREAM_REJECTED'],
])

function exchangeCode(answer: HttpAnswer): string | null {
  return oauthBody.safeParse(answer.json).data?.error ?? null
}

const tokenBody = z.object({ access_token: requiredSecret, expires_in: remainingSeconds })

type ExchangedToken = z.output<typeof tokenBody>

const forClient: Reading<ExchangedToken> = {
  shape: tokenBody,
  toError(answer) {
    const code = exchangeCode(answer)
    const known = exchangeCodes.get(code ?? '')
    const facts = { code, codes: exchangeCodes }
    return known === undefined ? statusError(answer, facts) : answerError(known, answer, facts)
  },
}

const forProvider: Reading<ExchangedToken | null> = {
  ...forClient,
  valueIn: (answer) => (exchangeCode(answer) === 'not_linked' ? null : undefined),
}

const link = z.object({ identityProvider: z.string().min(1), userId: z.string().min(1), userName: filledText })
// The list is the whole answer, and there without links (docs/platforms/keycloak.md section 2).
const links = rows(link, {
  provider: z.object({ identityProvider: z.string() }).transform((row) => row.identityProvider),
})

export type Link = z.output<typeof link>

/** Rejects with USER_NOT_FOUND where the realm does not know the user. */
export type ReadLinks = (userId: string, call: Call) => Promise<readonly (Link | UnreadableRow)[]>

/** `GET /admin/…/federated-identity`: what a user has linked, without tokens; for a client with `view-users`. */
export function openLinks(http: Http, realm: string): ReadLinks {
  return shareCalls(
    (userId: string, call: Call) =>
      read(
        http,
        {
          operation: 'keycloak.federated_identity',
          keys: 1,
          template: '/admin/realms/{realm}/users/{user_id}/federated-identity',
          params: { realm, user_id: userId },
          user: userId,
        },
        ofLinks,
        call,
      ),
    (userId) => userId,
  )
}

const ofLinks: Reading<readonly (Link | UnreadableRow)[]> = {
  shape: links,
  toError: (answer) =>
    // A 404 without JSON comes from a proxy or from another path.
    answer.status === 404 && answer.json !== undefined ? answerError('USER_NOT_FOUND', answer) : statusError(answer),
}
