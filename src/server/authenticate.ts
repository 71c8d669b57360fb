/** Authenticates a request: first the gateway that sends it, where one is configured, then the caller. */
import { createIdentify } from '../auth/identify.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Config } from '../config/load.ts'
import { CodedError, reasonOf } from '../errors.ts'
import { createCheckProof } from '../gateway-proof/check-proof.ts'
import type { CheckProof, ProofResult } from '../gateway-proof/proof.ts'
import { RefusedError } from '../http/error-response.ts'
import type { Refusal } from '../http/error-response.ts'
import type { HttpRequest } from '../http/message.ts'
import { bodyTimeout } from '../http/policy.ts'
import { raceSignal } from '../lib/abort.ts'
import type { Log } from '../log.ts'
import type { RequestState } from './context.ts'
import type { ReasonLog } from './observability/reasons.ts'

interface Authentication {
  readonly request: HttpRequest
  readonly state: RequestState
  /** Aborts at the request's deadline. */
  readonly signal: AbortSignal
}

interface GatewayAuthentication extends Authentication {
  /** Reads the whole body; the same bytes every time. Rejects with `RefusedError` when there are too many. */
  readonly body: () => Promise<Buffer<ArrayBuffer>>
}

export interface Authenticate {
  /** Proves the gateway, and notes how in the state; reads the body only where the headers are valid. */
  gateway(authentication: GatewayAuthentication): Promise<void>
  /** Resolves to the viewer, and notes it in the state. */
  caller(authentication: Authentication): Promise<Viewer>
}

export interface AuthenticateDeps {
  readonly log: Log
  readonly reasons: ReasonLog
  /** Ends what runs in the background. */
  readonly signal: AbortSignal
}

/** Its functions reject with `RefusedError`. */
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

  /** Resolves to the proof that the gateway gave; null when none is required. */
  async function proveGateway(authentication: GatewayAuthentication): Promise<string | null> {
    if (checkProof === null) return null
    const result = await verify(authentication, checkProof)
    if (result.ok) return result.method
    reasons.refusal(authentication.state, result.reason, 'gateway proof refused')
    throw new RefusedError(noProof)
  }

  async function verify(
    { request, state, body, signal }: GatewayAuthentication,
    check: CheckProof,
  ): Promise<ProofResult> {
    const { method, path, header } = request
    try {
      return await raceSignal(check({ method, path, header, body }), signal)
    } catch (error) {
      if (!(error instanceof CodedError || error instanceof RefusedError)) throw error
      if (error instanceof RefusedError) {
        reasons.refusal(state, error.code, 'gateway proof not checked')
        throw error
      }
      reasons.undecided(state, error, 'gateway proof not checked')
      const { code, message } = error
      // What a proof waits for is the body.
      const isLate = code === 'UPSTREAM_TIMEOUT'
      throw new RefusedError(isLate ? bodyTimeout : { status: 503, code, message }, { cause: error })
    }
  }

  /** An invalid credential ends the request; it never falls back to anonymous. */
  async function identifyCaller({ request, state, signal }: Authentication): Promise<Viewer> {
    try {
      return await raceSignal(identify(request.header('authorization')), signal)
    } catch (error) {
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
  }

  return {
    async gateway(authentication) {
      authentication.state.gateway = await proveGateway(authentication)
    },
    async caller(authentication) {
      const viewer = await identifyCaller(authentication)
      authentication.state.viewer = viewer
      return viewer
    },
  }
}

/** One message for every reason, so that a forger learns nothing from it; the log has the reason. */
const noProof: Refusal = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The request carries no valid proof of a gateway.',
  headers: { 'www-authenticate': 'Bearer' },
}
