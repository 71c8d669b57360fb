/** The connections of one user: what needs attention first. */
import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { useApolloClient } from '@apollo/client/react'
import { useAnnounce } from './announcer.tsx'
import { finishConnection, takeReturned } from './connect.ts'
import type { Outcome, Returned } from './connect.ts'
import { ConnectionCard } from './connection-card.tsx'
import type { AccountsQuery } from './gql/graphql.ts'
import { ConnectionOutcome } from './outcome.tsx'
import { endSession } from './session.ts'

/** Once for the page: React may mount a component twice while it develops. */
let taken: Returned | null | undefined

function takeReturnedOnce(): Returned | null {
  return (taken ??= takeReturned())
}

export type SignedIn = NonNullable<AccountsQuery['me']>

interface Props {
  readonly user: SignedIn
  /** Some of it could not be read. */
  readonly isPartial: boolean
  readonly reload: () => void
}

export function Accounts({ user, isPartial, reload }: Props) {
  const client = useApolloClient()
  const announce = useAnnounce()
  const heading = useRef<HTMLHeadingElement>(null)
  const [returned] = useState(takeReturnedOnce)
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const isFinishing = useRef(false)
  const onFinished = useEffectEvent((finished: Outcome) => {
    setOutcome(finished)
    reload()
  })

  useEffect(() => {
    if (returned === null || isFinishing.current) return
    isFinishing.current = true
    void finishConnection(client, returned).then(onFinished)
  }, [client, returned])

  useEffect(() => {
    // The sign-in button is gone, and the focus with it; whoever came back from consent goes on at that card.
    const target = document.getElementById(location.hash.slice(1))
    target?.scrollIntoView({ block: 'center' })
    ;(target?.querySelector('h2') ?? heading.current)?.focus()
  }, [])

  async function signOut() {
    if (!(await endSession())) {
      announce('Signing out did not work.')
      return
    }
    await client.clearStore()
    location.assign('/')
  }

  const connections = [...(user.oauth_connections ?? [])].sort(byAttention)
  return (
    <main className="page">
      <header className="top">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            Connected accounts
          </h1>
          <p className="quiet">{summarize(connections)}</p>
        </div>
        <div className="who">
          <span>
            <span className="visually-hidden">Signed in as </span>
            {user.id}
          </span>
          <button type="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      </header>
      {returned !== null && outcome === null && (
        <p className="notice" role="status">
          Connecting the account …
        </p>
      )}
      {outcome !== null && (
        <ConnectionOutcome
          outcome={outcome}
          dismiss={() => {
            setOutcome(null)
            taken = null
            heading.current?.focus()
          }}
        />
      )}
      {isPartial && <p className="notice">Some of your accounts cannot be read right now.</p>}
      <div className="cards">
        {connections.map((connection) => (
          <ConnectionCard
            key={connection.provider}
            connection={connection}
            accounts={(user.external_accounts ?? []).filter(({ provider }) => provider === connection.provider)}
            reload={reload}
          />
        ))}
      </div>
      <footer className="quiet small">
        A token is read from the graph when you press Show or Copy, not before. This page holds no credential: its
        backend does.
      </footer>
    </main>
  )
}

export type Connection = NonNullable<SignedIn['oauth_connections']>[number]

function byAttention(a: Connection, b: Connection): number {
  const needsUser = ({ status }: Connection) => Number(status === 'REAUTHORIZATION_REQUIRED')
  return needsUser(b) - needsUser(a) || a.provider.localeCompare(b.provider)
}

function summarize(connections: readonly Connection[]): string {
  const tokens = connections.reduce((sum, { oauth_access_tokens }) => sum + oauth_access_tokens.length, 0)
  const waiting = connections.filter(({ status }) => status === 'REAUTHORIZATION_REQUIRED').length
  const ready = `${String(tokens)} ${tokens === 1 ? 'account' : 'accounts'} ready to use`
  return waiting === 0 ? ready : `${ready}, ${String(waiting)} waiting for your consent`
}
