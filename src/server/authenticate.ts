/** Authenticates a request: first the gateway that sends it, where one is configured, then the caller. */
import { createIdentify } from '../auth/identify.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Config } from '../config/load.ts'
import { CodedError } from '../errors.ts'
import { createCheckProof } from '../gateway-proof/check-proof.ts'
import type { CheckProof, ProofResult } from '../gateway-proof/proof.ts'
import { RefusedError } from '../http/error-response.ts'
import type { Refusal } from '../http/error-response.ts'
import type { HttpRequest } from '../http/message.ts'
import { raceSignal } from '../lib/abort.ts'
import type { Log } from '../log.ts'
import type { RequestState } from './context.ts'

interface Authentication {
  readonly request: HttpRequest
  readonly state: RequestState
  /** Reads the whole body; the same bytes every time. Rejects with `RefusedError` when there are too many. */
  readonly body: () => Promise<Buffer<ArrayBuffer>>
  /** Aborts at the request's deadline. */
  readonly signal: AbortSignal
}

/** Resolves to the viewer, and notes in the state what was proved; rejects with `RefusedError`. */
export type Authenticate = (authentication: Authentication) => Promise<Viewer>

/** `signal` ends what runs in the background. */
export function createAuthenticate(
  { auth, gateway }: Pick<Config, 'auth' | 'gateway'>,
  log: Log,
  signal: AbortSignal,
): Authenticate {
  const identify = createIdentify(auth, {
    onIssuerFailure: (issuer, reason) => {
      log.warn({ issuer, reason }, 'the keys of an issuer cannot be read')
    },
    signal,
  })
  const checkProof = gateway === null ? null : createCheckProof(gateway)

  /** Resolves to the proof that the gateway gave; null when none is required. */
  async function proveGateway(authentication: Authentication): Promise<string | null> {
    if (checkProof === null) return null
    const result = await verify(authentication, checkProof)
    if (result.ok) return result.method
    log.info({ request_id: authentication.state.id, reason: result.reason }, 'gateway proof refused')
    throw new RefusedError(noProof)
  }

  async function verify({ request, state, body, signal }: Authentication, check: CheckProof): Promise<ProofResult> {
    const { method, path, header } = request
    try {
      return await raceSignal(check({ method, path, header, body }), signal)
    } catch (error) {
      if (!(error instanceof CodedError || error instanceof RefusedError)) throw error
      log.warn({ request_id: state.id, error }, 'gateway proof not checked')
      throw error instanceof RefusedError ? error : new RefusedError(refusalOf(error), { cause: error })
    }
  }

  /** An invalid credential ends the request; it never falls back to anonymous. */
  async function identifyCaller({ request, state, signal }: Authentication): Promise<Viewer> {
    try {
      return await raceSignal(identify(request.header('authorization')), signal)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      log.info({ request_id: state.id, error }, 'credential refused')
      const { code, message } = error
      throw new RefusedError(
        code === 'UNAUTHENTICATED'
          ? { status: 401, code, message, headers: { 'www-authenticate': 'Bearer' } }
          : { status: 503, code, message },
        { cause: error },
      )
    }
  }

  return async (authentication) => {
    const { state } = authentication
    state.gateway = await proveGateway(authentication)
    state.viewer = await identifyCaller(authentication)
    return state.viewer
  }
}

/** One message for every reason, so that a forger learns nothing from it; the log has the reason. */
const noProof: Refusal = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The request carries no valid proof of a gateway.',
  headers: { 'www-authenticate': 'Bearer' },
}

/** What a proof waits for is the body. */
const bodyTimeout: Refusal = {
  status: 408,
  code: 'BAD_USER_INPUT',
  message: 'The request body did not arrive in time.',
  headers: { connection: 'close' },
}

function refusalOf({ code, message }: CodedError): Refusal {
  return code === 'UPSTREAM_TIMEOUT' ? bodyTimeout : { status: 503, code, message }
}
