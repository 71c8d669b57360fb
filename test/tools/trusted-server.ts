/** A server with registered documents over a local Clerk. */
import { expect } from 'vitest'
import { startDoor } from '../security/support.ts'
import type { Door } from '../security/support.ts'
import { makeFolder } from '../kit/folder.ts'
import { everything } from '../kit/server.ts'
import type { Answer } from '../kit/server.ts'

export interface TrustedServer extends AsyncDisposable {
  readonly door: Door
  /** Of the service `gateway`. */
  readonly gatewayKey: string
  /** POSTs a body; without a `bearer` the service asks that may read everything but the schema. */
  post(body: object, bearer?: string | null): Promise<{ status: number; answer: Answer }>
}

/** `options` stand beside the manifest in the configuration. */
export async function startTrusted(manifest: string, options: object = {}, file: object = {}): Promise<TrustedServer> {
  using folder = makeFolder()
  const documents = { manifest: folder.write('persisted.json', manifest), ...options }
  const door = await startDoor({ documents, ...file }, [{ id: 'gateway', grants: everything }])
  const [gatewayKey = ''] = door.keys
  return {
    door,
    gatewayKey,
    async post(body, bearer = door.plainKey) {
      const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` }
      const response = await door.server.post(JSON.stringify(body), headers)
      return { status: response.status, answer: (await response.json()) as Answer }
    },
    [Symbol.asyncDispose]: () => door[Symbol.asyncDispose](),
  }
}

export const refusal = (message: string) => ({
  status: 400,
  answer: {
    errors: [
      {
        message,
        extensions: {
          code: 'BAD_USER_INPUT',
          ...(message.startsWith('The body ') && { retryable: false }),
          request_id: expect.any(String) as string,
        },
      },
    ],
  },
})
