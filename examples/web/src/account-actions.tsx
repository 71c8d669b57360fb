/** What the user can do with an account: give it up, in two steps, because the provider ends the grant. */
import { useState } from 'react'
import { useApolloClient } from '@apollo/client/react'
import { useAnnounce } from './announcer.tsx'
import { DisconnectDocument } from './documents.ts'
import type { DisconnectMutation } from './gql/graphql.ts'

interface Props {
  readonly provider: string
  readonly account: string
  /** Tells this account from the others of the page. */
  readonly name: string
  readonly reload: () => void
}

type Revocation = DisconnectMutation['disconnect_account']['provider_revocation']

const ends: Record<Revocation, string> = {
  REVOKED: 'The provider has ended the access.',
  PENDING: 'The provider will be told again until it ends the access.',
  UNSUPPORTED: 'The provider cannot be told: the access there ends by itself.',
  SHARED: 'Another account uses the same access, which stays.',
  FAILED: 'The provider did not end the access: end it in your settings there.',
}

export function AccountActions({ provider, account, name, reload }: Props) {
  const client = useApolloClient()
  const announce = useAnnounce()
  const [isAsking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)

  async function disconnect() {
    if (busy) return
    setBusy(true)
    try {
      const input = { provider, external_account_id: account }
      const { data } = await client.mutate({ mutation: DisconnectDocument, variables: { input } })
      if (data == null) throw new Error('it could not be disconnected')
      announce(`Disconnected ${name}. ${ends[data.disconnect_account.provider_revocation]}`)
      reload()
    } catch {
      announce(`${name} could not be disconnected.`)
      setBusy(false)
      setAsking(false)
    }
  }

  if (!isAsking)
    return (
      <button
        type="button"
        onClick={() => {
          setAsking(true)
        }}
      >
        Disconnect<span className="visually-hidden"> {name}</span>
      </button>
    )
  return (
    <div className="confirm" role="group" aria-label={`Disconnect ${name}?`}>
      <button type="button" className="primary" autoFocus aria-disabled={busy} onClick={() => void disconnect()}>
        {busy ? 'Disconnecting …' : 'End the access'}
      </button>
      <button
        type="button"
        onClick={() => {
          setAsking(false)
        }}
      >
        Keep it
      </button>
    </div>
  )
}
