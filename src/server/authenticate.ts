/**
 * Authenticates a request: first the gateway that sends it, where one is configured, then the caller by the
 * `Authorization` header.
 */
import { createVerifyJwt } from '../auth/jwt.ts'
import type { OnIssuerFailure, VerifiedUser } from '../auth/jwt.ts'
import { systemClock } from '../auth/key-set.ts'
import type { Clock } from '../auth/key-set.ts'
import type { AuthOptions } from '../auth/options.ts'
import { indexServices } from '../auth/service-keys.ts'
import { createVerifiedTokenCache } from '../auth/verified-token-cache.ts'
import { anonymous, unauthenticated } from '../auth/viewer.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Config } from '../config/load.ts'
import { CodedError, reasonOf } from '../errors.ts'
import { createCheckProof } from '../gateway-proof/check-proof.ts'
import type { ProofResult } from '../gateway-proof/proof.ts'
import { RefusedError } from '../http/error-response.ts'
import type { HttpRequest, Refusal } from '../http/message.ts'
import { bodyTimeout } from '../http/policy.ts'
import type { Answer } from '../lib/answer.ts'
import { sha256 } from '../lib/secret.ts'
import { raceSignal } from '../lib/time.ts'
import type { Log } from '../log.ts'
import type { Deadline, RequestState } from './context.ts'
import type { ReasonLog } from './observability/reasons.ts'

interface Authentication {
  readonly request: HttpRequest
  readonly state: RequestState
  /** Its signal is asked for only where something has to be waited for. */
  readonly deadline: Pick<Deadline, 'signal'>
}

interface GatewayAuthentication extends Authentication {
  /** Reads the whole body; the same bytes every time. Rejects with `RefusedError` when there are too many. */
  readonly body: () => Promise<Buffer<ArrayBuffer>>
}

export interface Authenticate {
  /**
   * Proves the gateway, and notes how in the state; reads the body only where the headers are valid. Null where it is
   * proved already.
   */
  gateway(authentication: GatewayAuthentication): Promise<void> | null
  /** Returns the viewer, and notes it in the state. */
  caller(authentication: Authentication): Answer<Viewer>
}

export interface AuthenticateDeps {
  readonly log: Log
  readonly reasons: ReasonLog
  /** Ends what runs in the background. */
  readonly signal: AbortSignal
}

/** Its functions throw and reject with `RefusedError`. */
export function createAuthenticate(
  { auth, gateway }: Pick<Config, 'auth' | 'gateway'>,
  { log, reasons, signal }: AuthenticateDeps,
): Authenticate {
  const identify = createIdentify(auth, {
    onIssuerFailure: (issuer, reason) => {
      log.warn({ issuer, reason }, 'the keys of an issuer cannot be read')
    },
    signal,
  })
  const checkProof = gateway === null ? null : createCheckProof(gateway)

  function noteProof(state: RequestState, result: ProofResult): void {
    if (result.ok) {
      state.gateway = result.method
      return
    }
    reasons.refusal(state, result.reason, 'gateway proof refused')
    throw new RefusedError(noProof)
  }

  function failProof(state: RequestState, error: unknown): never {
    if (error instanceof RefusedError) {
      reasons.refusal(state, error.code, 'gateway proof not checked')
      throw error
    }
    if (!(error instanceof CodedError)) throw error
    reasons.undecided(state, error, 'gateway proof not checked')
    const { code, message } = error
    // What a proof waits for is the body.
    const isLate = code === 'UPSTREAM_TIMEOUT'
    throw new RefusedError(isLate ? bodyTimeout : { status: 503, code, message }, { cause: error })
  }

  /** An invalid credential ends the request; it never falls back to anonymous. */
  function failCaller(state: RequestState, error: unknown): never {
    if (!(error instanceof CodedError)) throw error
    const { code, message } = error
    if (code === 'UNAUTHENTICATED') reasons.refusal(state, reasonOf(error) ?? code, 'credential refused')
    else reasons.undecided(state, error, 'credential not checked')
    throw new RefusedError(
      code === 'UNAUTHENTICATED'
        ? { status: 401, code, message, headers: { 'www-authenticate': 'Bearer' } }
        : { status: 503, code, message },
      { cause: error },
    )
  }

  return {
    gateway({ request: { method, path, header }, state, deadline, body }) {
      if (checkProof === null) return null
      const fail = (error: unknown): never => failProof(state, error)
      const result = settle(() => checkProof({ method, path, header, body }), deadline, fail)
      if (result instanceof Promise)
        return result.then((proved) => {
          noteProof(state, proved)
        })
      noteProof(state, result)
      return null
    },
    caller({ request, state, deadline }) {
      const fail = (error: unknown): never => failCaller(state, error)
      const viewer = settle(() => identify(request.header('authorization')), deadline, fail)
      if (!(viewer instanceof Promise)) return (state.viewer = viewer)
      return viewer.then((identified) => (state.viewer = identified))
    },
  }
}

/** What `ask` returns, or resolves to before the deadline; `fail` turns its errors into others. */
function settle<T>(
  ask: () => Answer<T>,
  deadline: Pick<Deadline, 'signal'>,
  fail: (error: unknown) => never,
): Answer<T> {
  try {
    const answer = ask()
    return answer instanceof Promise ? raceSignal(answer, deadline.signal()).catch(fail) : answer
  } catch (error) {
    return fail(error)
  }
}

/** One message for every reason, so that a forger learns nothing from it; the log has the reason. */
const noProof: Refusal = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The request carries no valid proof of a gateway.',
  headers: { 'www-authenticate': 'Bearer' },
}

/** Characters. Bounds what a caller can make the server hash and parse. */
const MAX_CREDENTIAL_LENGTH = 16 * 1024
// RFC 6750 section 2.1 (b64token) and RFC 9110 section 11.1: the scheme in any case, then exactly one token.
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

interface IdentifyDeps {
  /** Called when the keys of an issuer could not be read. */
  readonly onIssuerFailure?: OnIssuerFailure
  readonly clock?: Clock
  /** Ends the reading of keys in the background. */
  readonly signal?: AbortSignal
}

const never = new AbortController().signal

/**
 * Returns a function from the value of the `Authorization` header to the viewer, which is at hand for service keys and for
 * tokens that were verified before. Without a header the viewer is anonymous. An invalid header throws UNAUTHENTICATED and
 * never falls back to anonymous, because its sender does not expect to be anonymous. Throws UPSTREAM_UNAVAILABLE when the
 * keys of an issuer were never readable. Create it once per process: it holds the caches.
 */
export function createIdentify(
  auth: Pick<AuthOptions, 'issuers' | 'services'>,
  { onIssuerFailure: onFailure = () => undefined, clock = systemClock, signal = never }: IdentifyDeps = {},
): (authorization: string | null) => Answer<Viewer> {
  const findService = indexServices(auth.services)
  const verifyJwt = createVerifyJwt(auth.issuers, { onFailure, clock, signal })
  const verified = createVerifiedTokenCache(clock)

  const viewerOf = ({ userId, issuer }: VerifiedUser): Viewer => ({ kind: 'user', userId, issuer })

  return (authorization) => {
    if (authorization === null) return anonymous
    const credential = readBearer(authorization)
    const digest = sha256(credential)
    const service = findService(digest)
    if (service !== null) return service
    const name = digest.toString('base64')
    const known = verified.get(name)
    if (known !== null) return viewerOf(known)
    return verifyJwt(credential).then((user) => {
      verified.set(name, user)
      return viewerOf(user)
    })
  }
}

function readBearer(authorization: string): string {
  if (authorization.length > MAX_CREDENTIAL_LENGTH + 'Bearer '.length) throw unauthenticated('credential too long')
  const credential = bearer.exec(authorization)?.[1]
  if (credential === undefined) throw unauthenticated('not one bearer token')
  return credential
}
