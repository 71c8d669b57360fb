/** `GET …/broker/{alias}/token`: what Keycloak stored for the user whose token is presented (keycloak.md part A). */
import type { HttpAnswer } from '../http/client.ts'
import { answerError } from '../http/errors.ts'
import type { Call } from '../platform.ts'
import { brokerError } from './errors.ts'
import type { Realm } from './realm.ts'
import { isAssertion, readStored, readStoredForm, type Stored } from './stored.ts'

/** `bearer` is the token of the user; null: nothing is connected. */
export async function readBroker(realm: Realm, bearer: string, alias: string, call: Call): Promise<Stored | null> {
  const answer = await realm.http.request(
    {
      operation: 'keycloak.broker_token',
      keys: 1,
      template: '/realms/{realm}/broker/{alias}/token',
      params: { realm: realm.name, alias },
      headers: { authorization: `Bearer ${bearer}` },
      acceptsText: true,
    },
    call,
  )
  if (answer.status < 300) return readAnswer(answer, realm.upstream)
  const error = brokerError(answer, realm.upstream)
  if (error === null) return null
  throw error
}

function readAnswer(answer: HttpAnswer, upstream: string): Stored {
  const { json, text } = answer
  const stored = text === undefined ? readStored(json) : readStoredForm(text)
  if (stored !== null) return stored
  const isSaml = text !== undefined && isAssertion(text)
  throw answerError(isSaml ? 'UNSUPPORTED_CREDENTIAL' : 'UPSTREAM_PROTOCOL_ERROR', answer, { upstream })
}
