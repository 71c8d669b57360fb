/**
 * The record of an OAuth 2.0 provider: everything in which providers differ, as data, so that connecting, refreshing and
 * revoking have no code for single providers. The keys are those that a configuration uses for a provider of its own;
 * the catalogue is in the files beside this one. Lifetimes are in seconds.
 */
import { z } from 'zod'
import { isSecure } from '../../kit.ts'

/** A place in a URL that a value takes: `{tenant}`. */
const placeholder = /\{([a-z_]+)\}/g
/** Placeholders that the vault fills itself, from the client and the account. */
const reserved: ReadonlySet<string> = new Set(['client_id', 'refresh_token'])

const endpoint = z
  .string()
  .refine(isEndpoint, 'expected an https URL without credentials, query and fragment; http is for loopback addresses')
const seconds = z.int().positive()
const words = z.string().min(1)
/** A member of a JSON object, or of the objects in it: `team.id`. */
const memberPath = z.string().regex(/^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/, 'expected member names with dots between them')
const parameters = z.record(z.string().regex(/^[a-z_]+$/), z.string()).default({})
const name = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'expected 1 to 64 lower-case letters, digits and _ . -')

/** What a placeholder may become: one label of a host name, several with dots, or one segment of a path. */
const template = z.strictObject({
  form: z.enum(['label', 'domain', 'segment']),
  default: words.nullable().default(null).describe('null: every account has its own'),
})

const revocation = z.strictObject({
  url: endpoint,
  method: z.enum(['POST', 'DELETE']).default('POST'),
  style: z
    .enum(['rfc7009', 'form_token', 'bearer', 'basic_json', 'client_header', 'path'])
    .default('rfc7009')
    .describe(
      'rfc7009: a form with client authentication; form_token: a form without; bearer: the access token in Authorization; basic_json: JSON with Basic; client_header: "Authorization: Client"; path: the token in the URL',
    ),
  effect: z.enum(['token', 'grant', 'all_grants_of_client']).default('grant').describe('What ends with the token.'),
  token: z
    .enum(['refresh_token', 'access_token'])
    .default('refresh_token')
    .describe('What is presented first; bearer and client_header present the access token, path the refresh token.'),
  token_param: words.default('token').describe('The parameter or member that takes the token.'),
  identifies_client: z.boolean().default(false).describe('form_token: whether the form names the client.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z-]+$/), words)
    .default({})
    .describe('What the request has beside.'),
  host_from: memberPath
    .nullable()
    .default(null)
    .describe('The kept value whose host is asked in place of that of `url`; null: none.'),
})

const rotation = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('never') }),
  z.strictObject({
    mode: z.enum(['always', 'sometimes']),
    grace_seconds: z
      .union([z.int().nonnegative(), z.literal('unlimited')])
      .describe('How long the earlier refresh token still works; 0: not at all, or not known to.'),
    reuse: z
      .enum(['accepted', 'refused', 'revokes_family', 'unknown'])
      .describe('What the provider does with an earlier refresh token after the grace.'),
  }),
])

const refresh = z
  .strictObject({
    uses: z
      .enum(['refresh_token', 'access_token', 'nothing'])
      .default('refresh_token')
      .describe('What is presented for a new access token; nothing: tokens do not expire or cannot be renewed.'),
    obtained: words.describe('How a connection gets to be renewable.'),
    url: endpoint.nullable().default(null).describe('null: `token_url`'),
    method: z.enum(['POST', 'GET']).default('POST'),
    params: parameters,
    token_param: words.nullable().default(null).describe('The parameter that takes what is presented; null: `uses`.'),
    identifies_client: z.boolean().default(true).describe('false: the token alone is presented.'),
    sends_scope: z.boolean().default(false),
    rotation: rotation.nullable().default(null),
    kills_access: z.boolean().default(false).describe('A refresh ends the earlier access token at once.'),
    earliest: z
      .union([z.literal('after_expiry'), z.strictObject({ min_age_seconds: seconds })])
      .nullable()
      .default(null),
    latest: z.literal('before_expiry').nullable().default(null),
    idle_seconds: seconds.nullable().default(null).describe('A refresh token unused for so long is dead.'),
    absolute_seconds: seconds.nullable().default(null).describe('A grant this old is dead, however it is used.'),
    keep_alive_seconds: seconds.nullable().default(null).describe('null: half of `idle_seconds`'),
  })
  .superRefine((value, context) => {
    const { uses, rotation: mode, idle_seconds: idle, absolute_seconds: absolute } = value
    const report = (message: string): void => {
      context.addIssue({ code: 'custom', message })
    }
    if ((uses === 'nothing') !== (mode === null))
      report('`rotation` is given where, and only where, tokens are renewed')
    if (uses === 'nothing' && (idle !== null || absolute !== null)) report('nothing is renewed, and so nothing ends')
    if (idle !== null && absolute !== null && idle > absolute) report('`idle_seconds` is longer than the whole life')
    if (value.keep_alive_seconds !== null && value.keep_alive_seconds >= (idle ?? Infinity))
      report('`keep_alive_seconds` comes after the end')
    if (mode !== null && mode.mode !== 'never' && (mode.grace_seconds === 'unlimited') !== (mode.reuse === 'accepted'))
      report('an unlimited grace and an accepted reuse are the same fact')
  })

const errorMatch = z
  .strictObject({
    status: z.int().min(200).max(499).nullable().default(null),
    code: words.nullable().default(null).describe('An error code, in any case.'),
    text: words.nullable().default(null).describe('A part of the message, in lower case.'),
    member: memberPath.nullable().default(null).describe('A member that the body has.'),
    class: z.enum(['grant_dead', 'client_bad', 'config', 'rate', 'step_up']),
  })
  .refine(({ code, text, member }) => (code ?? text ?? member) !== null, 'a status alone says too little')

const identity = z
  .strictObject({
    from: z.enum(['answer', 'id_token', 'request']),
    url: endpoint.nullable().default(null),
    method: z.enum(['GET', 'POST']).default('GET'),
    id: memberPath.describe('The id of the user, or of the account that the grant is for.'),
    label: memberPath.nullable().default(null),
    tenant: memberPath.nullable().default(null),
  })
  .refine(({ from, url }) => (from === 'request') === (url !== null), '`url` belongs to `from: request`')

const fields = {
  id: name,
  title: words,
  docs_url: z
    .url({ protocol: /^https$/ })
    .nullable()
    .default(null),
  verified_at: z.iso
    .date()
    .nullable()
    .default(null)
    .describe("The day on which the provider's documentation was read."),
  unverified: z.array(words).default([]).describe('Facts of this record that are only reported.'),
  notes: z.array(words).default([]),
  differs: z
    .strictObject({ grant: words.optional(), auth_core: words.optional() })
    .default({})
    .describe('Why endpoints or separators are not those of the npm packages grant and @auth/core.'),
  templates: z.record(z.string().regex(/^[a-z_]+$/), template).default({}),
  issuer: endpoint.nullable().default(null),
  id_token_issuer: z.enum(['exact', 'tenant_template']).default('exact'),
  authorize_url: endpoint,
  token_url: endpoint,
  oauth1: z
    .strictObject({
      request_token_url: endpoint.describe('Where a connection begins (RFC 5849 section 2.1).'),
      signature: z.enum(['HMAC-SHA1', 'HMAC-SHA256']).default('HMAC-SHA1'),
    })
    .nullable()
    .default(null)
    .describe('Of a provider that speaks OAuth 1.0a; null: it speaks OAuth 2.0.'),
  revoke: revocation.nullable().default(null),
  client_auth: z
    .array(z.enum(['basic', 'basic_raw', 'post', 'secret_as_user', 'private_key_jwt', 'tls', 'none']))
    .min(1)
    .describe('The first is used; basic_raw does not percent-encode as RFC 6749 section 2.3.1 demands.'),
  assertion_audience: z
    .enum(['token_url', 'issuer'])
    .default('token_url')
    .describe('Whom a signature of private_key_jwt is for (RFC 7523 section 3).'),
  client_id_param: z.enum(['client_id', 'client_key']).default('client_id'),
  token_body: z.enum(['form', 'json', 'query']).default('form'),
  scopes: z
    .strictObject({
      separator: z.enum([' ', ',', '+']).default(' '),
      answer_separator: z.enum([' ', ',', '+']).nullable().default(null).describe('null: the same'),
      offline: z.array(words).default([]).describe('Without these there is no refresh token.'),
      user_param: name.nullable().default(null).describe('Where the scopes of the user go, beside those of a bot.'),
    })
    .prefault({}),
  pkce: z.enum(['required', 'supported', 'ignored', 'breaks']),
  authorize_params: parameters,
  token_params: parameters,
  answer: z
    .strictObject({
      envelope: memberPath.nullable().default(null).describe('The member that holds tokens where the body does not.'),
      expiry: z
        .enum(['expires_in', 'expires_at_s', 'expires_at_iso', 'epoch_in_expires_in', 'expires_in_ms', 'none'])
        .default('expires_in'),
      missing_expiry: z.enum(['never', 'unknown', 'as_before']).default('as_before'),
    })
    .prefault({}),
  access_seconds: seconds.nullable().default(null),
  refresh,
  errors: z.array(errorMatch).default([]),
  identity: identity.nullable().default(null),
  keep: z.array(memberPath).default([]).describe('Members of the answer that API calls need later.'),
  keep_from_callback: z.array(z.string().regex(/^[A-Za-z_-]+$/)).default([]),
  limits: z
    .strictObject({
      token_requests: z
        .strictObject({ count: z.int().positive(), seconds, per: z.enum(['client', 'refresh_token']) })
        .nullable()
        .default(null),
      live_grants: z.int().positive().nullable().default(null).describe('Per user and client; the oldest ends.'),
    })
    .prefault({}),
}

/** One provider, as it is written; defaults are for what most providers do. */
export const providerRecord = z.strictObject(fields).superRefine(checkRecord)

/** What is assumed of a provider of which nothing is said: the least that can do harm. */
const unknownRefresh = {
  obtained: 'offline_access',
  rotation: { mode: 'always', grace_seconds: 0, reuse: 'unknown' },
} as const

/** A provider that a configuration describes: by its `issuer` alone, which is then asked for its endpoints, or by all. */
export const customProvider = z
  .strictObject({
    ...fields,
    id: name.optional(),
    title: words.optional(),
    authorize_url: endpoint.optional(),
    token_url: endpoint.optional(),
    client_auth: fields.client_auth.default(['basic']),
    pkce: fields.pkce.default('supported'),
    refresh: refresh.prefault(unknownRefresh),
  })
  .superRefine(({ issuer, authorize_url: authorize, token_url: token }, context) => {
    if (issuer === null && (authorize === undefined || token === undefined))
      context.addIssue({ code: 'custom', message: 'expected `issuer`, or both `authorize_url` and `token_url`' })
  })
export type CustomProvider = z.output<typeof customProvider>

/** What may stand in the place of a placeholder, so that it moves no other part of a URL. */
export const templateForms: Readonly<Record<z.output<typeof template>['form'], RegExp>> = {
  label: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i,
  domain: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i,
  segment: /^(?!\.{1,2}$)[^\s/?#\\]{1,200}$/,
}

/** A complete record: what is absent is null. */
export type Provider = z.output<typeof providerRecord>
/** A record as it is written. */
export type ProviderInput = z.input<typeof providerRecord>

type Endpoints = Pick<Provider, 'issuer' | 'authorize_url' | 'token_url' | 'revoke' | 'refresh' | 'identity' | 'oauth1'>

/** Every URL of a record, with its placeholders. */
export function urlsOf(record: Endpoints): readonly string[] {
  const { issuer, authorize_url: authorize, token_url: token, revoke, refresh: renewal, identity: who, oauth1 } = record
  return [issuer, authorize, token, revoke?.url, renewal.url, who?.url, oauth1?.request_token_url].filter(
    (url) => typeof url === 'string',
  )
}

/** The names in braces. */
function placeholdersIn(url: string): readonly string[] {
  return [...url.matchAll(placeholder)].map(([, found = '']) => found)
}

function checkRecord(record: z.output<z.ZodObject<typeof fields>>, context: z.RefinementCtx): void {
  const report = (message: string): void => {
    context.addIssue({ code: 'custom', message })
  }
  const used = new Set(urlsOf(record).flatMap(placeholdersIn))
  const named = new Set(Object.keys(record.templates))
  for (const each of used) if (!named.has(each) && !reserved.has(each)) report(`{${each}} is not among \`templates\``)
  for (const each of named) if (!used.has(each)) report(`no URL has the placeholder {${each}}`)
  if (record.verified_at !== null && record.docs_url === null) report('`verified_at` without the page that was read')
  const { expiry, missing_expiry: missing } = record.answer
  if (expiry === 'none' && (missing !== 'never' || record.access_seconds !== null))
    report('without an expiry, tokens never expire')
  if (record.oauth1 !== null && record.refresh.uses !== 'nothing') report('tokens of OAuth 1.0a are not renewed')
  if (record.client_auth.includes('none') && record.pkce !== 'required' && record.pkce !== 'supported')
    report('a client without a secret needs PKCE')
}

function isEndpoint(value: string): boolean {
  const filled = value.replaceAll(placeholder, 'x')
  if (!URL.canParse(filled) || /[{}\s]/.test(filled)) return false
  const url = new URL(filled)
  const extra = url.username + url.password + url.search + url.hash
  return isSecure(url) && extra === '' && !value.endsWith('?') && !value.endsWith('#')
}
