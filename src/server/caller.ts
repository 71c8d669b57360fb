/** What the loaders know of whoever sent the request. */
import { hash } from 'node:crypto'
import type { Viewer } from '../auth/viewer.ts'
import type { Caller } from '../tokens/source.ts'
import { secret } from '../tokens/secret.ts'
import { callerOf } from './admit-keys.ts'
import type { Deadline } from './deadline.ts'

export interface CallerFacts {
  readonly request: Request
  readonly viewer: Viewer
  readonly deadline: Deadline | undefined
  /** Whether any upstream wants the subject's own credential. */
  readonly forwards: boolean
}

/** The caller's own token goes along only where an upstream asks for it, and speaks for nobody but the caller. */
export function describeCaller({ request, viewer, deadline, forwards }: CallerFacts): Caller {
  return {
    signal: deadline?.signal ?? request.signal,
    deadline: deadline?.at,
    viewer: callerOf(viewer) ?? undefined,
    subject: forwards && viewer.kind === 'user' ? subjectOf(viewer.user_id, request) : undefined,
  }
}

function subjectOf(user_id: string, request: Request): Caller['subject'] {
  // It was verified: one token after one scheme.
  const token = request.headers.get('authorization')?.replace(/^Bearer +/i, '') ?? ''
  return { user_id, credential: { secret: secret(token), id: hash('sha256', token, 'base64url') } }
}
