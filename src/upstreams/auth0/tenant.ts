/**
 * What both platforms over an Auth0 tenant need: its options and the Management API (docs/platforms/auth0.md sections 1
 * and 5). The folder auth0-token-vault imports this file.
 */
import { z } from 'zod'
import {
  answerError,
  createClientCredentials,
  openHttp,
  secret,
  secureUrl,
  statusError,
  upstreamUrl,
  withoutTrailingSlashes,
} from '../kit.ts'
import type { Authorize, CodedError, Http, HttpAnswer, HttpTuning, Secret, UpstreamDeps } from '../kit.ts'

/** Without slashes at its end, so that paths can follow. */
export const tenantUrl = upstreamUrl
  .transform(withoutTrailingSlashes)
  .describe('The domain of the tenant, as `https://acme.eu.auth0.com`; a custom domain works, too.')

export const clientIdOption = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'expected a client id')

export const clientSecretOption = z
  .string()
  .regex(/^[\x20-\x7e]{1,512}$/, 'expected a client secret')
  .transform(secret)
  .describe('The secret of the client.')

export const managementAudience = secureUrl.optional().meta({
  description: 'The audience of the Management API: `https://{tenant}.{region}.auth0.com/api/v2/`.',
  fallback: '`base_url` + `/api/v2/`; with a custom domain it has to be given',
})

/** A machine-to-machine client, as the operator gives it. */
export interface ClientOptions {
  readonly client_id: string
  readonly client_secret: Secret
  readonly audience?: string | undefined
}

export interface Management {
  readonly http: Http
  readonly authorize: Authorize
  close(): Promise<void>
}

/** `rate` is the limit of the API; requests for a token of the client have that of `tuning`. */
export function openManagement(
  baseUrl: string,
  { client_id: clientId, client_secret: clientSecret, audience = `${baseUrl}/api/v2/` }: ClientOptions,
  tuning: HttpTuning & UpstreamDeps,
  rate: HttpTuning['rate'] = tuning.rate,
): Management {
  const authorize = createClientCredentials({
    ...tuning,
    tokenUrl: `${baseUrl}/oauth/token`,
    clientId,
    clientSecret,
    parameters: { audience },
  })
  const http = openHttp({ ...tuning, rate, baseUrl, authorize })
  return {
    http,
    authorize,
    close: async () => {
      await Promise.all([http.close(), authorize.close()])
    },
  }
}

// The names of the error codes are UNVERIFIED: the status decides, and the body proves that it is the API that answers.
const codes = new Set([
  'inexistent_user',
  'insufficient_scope',
  'invalid_query_string',
  'invalid_token',
  'invalid_uri',
  'operation_not_supported',
  'too_many_requests',
])
const errorBody = z.object({ statusCode: z.number(), errorCode: z.unknown().optional() })

/** The error of the Management API. Its texts name users and connections and are dropped. */
export function managementError(answer: HttpAnswer): CodedError {
  const body = errorBody.safeParse(answer.json).data
  const facts = { code: body?.errorCode, codes }
  if (body === undefined) return statusError(answer, facts)
  if (answer.status === 404) return answerError('USER_NOT_FOUND', answer, facts)
  // The path has nothing but the user id; what is wrong with a query is wrong with what this server asks for.
  if (answer.status === 400 && body.errorCode === 'invalid_uri')
    return answerError('BAD_USER_INPUT', answer, facts, 'The platform does not accept the user id.')
  return statusError(answer, facts)
}
