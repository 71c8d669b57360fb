import type { ReactNode } from 'react'
import type { Connection, SignedIn } from './accounts.tsx'
import { AccountRow } from './account-row.tsx'
import { ConnectButton } from './connect-button.tsx'
import { nameProvider } from './provider-name.ts'
import { WhatToDo } from './what-to-do.tsx'

export type ExternalAccount = NonNullable<SignedIn['external_accounts']>[number]

interface Props {
  readonly connection: Connection
  readonly accounts: readonly ExternalAccount[]
  readonly reload: () => void
}

/** The words carry the meaning; the colour and the sign repeat it. */
const badges: Record<Connection['status'], { text: string; tone: 'good' | 'attention' | 'quiet'; sign: string }> = {
  CONNECTED: { text: 'Connected', tone: 'good', sign: '✓' },
  NOT_CONNECTED: { text: 'Not connected', tone: 'quiet', sign: '○' },
  REAUTHORIZATION_REQUIRED: { text: 'Consent needed', tone: 'attention', sign: '!' },
  RATE_LIMITED: { text: 'Asked too often', tone: 'quiet', sign: '…' },
  UNAVAILABLE: { text: 'No answer', tone: 'quiet', sign: '…' },
  MISCONFIGURED: { text: 'Out of order', tone: 'attention', sign: '!' },
}

export function ConnectionCard({ connection, accounts, reload }: Props) {
  const { provider, status, oauth_access_tokens } = connection
  const name = nameProvider(provider)
  const { text, tone, sign } = badges[status]
  const heading = `heading-${provider}`
  return (
    <section id={provider} className="card" aria-labelledby={heading}>
      <header className="card-top">
        <span className="monogram" aria-hidden="true">
          {name.slice(0, 1)}
        </span>
        <h2 id={heading} tabIndex={-1}>
          {name}
        </h2>
        <Badge tone={tone} sign={sign}>
          {text}
        </Badge>
      </header>
      {oauth_access_tokens.length > 0 && (
        <ul className="accounts">
          {oauth_access_tokens.map((token) => (
            <AccountRow
              key={token.external_account_id}
              provider={provider}
              token={token}
              account={accounts.find((each) => each.external_account_id === token.external_account_id)}
              isOurs={connection.can_connect}
              reload={reload}
            />
          ))}
        </ul>
      )}
      {status === 'CONNECTED' && connection.can_connect && (
        <p className="another">
          <ConnectButton provider={provider} account={null} isPrimary={false}>
            Connect another account<span className="visually-hidden"> at {name}</span>
          </ConnectButton>
        </p>
      )}
      {status !== 'CONNECTED' && <WhatToDo connection={connection} accounts={accounts} reload={reload} />}
    </section>
  )
}

function Badge({
  tone,
  sign,
  children,
}: {
  readonly tone: string
  readonly sign: string
  readonly children: ReactNode
}) {
  return (
    <p className={`badge ${tone}`}>
      <span className="visually-hidden">Status: </span>
      <span aria-hidden="true">{sign}</span> {children}
    </p>
  )
}
