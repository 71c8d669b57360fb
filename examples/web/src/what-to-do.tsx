/** A connection without a token that can be used: why, and the one step that helps. */
import type { Connection } from './accounts.tsx'
import type { ExternalAccount } from './connection-card.tsx'
import { ConnectButton } from './connect-button.tsx'
import { nameProvider } from './provider-name.ts'

interface Props {
  readonly connection: Connection
  readonly accounts: readonly ExternalAccount[]
  readonly reload: () => void
}

export function WhatToDo({ connection, accounts, reload }: Props) {
  const name = nameProvider(connection.provider)
  return (
    <div className="what-to-do">
      {explain(connection, name, accounts).map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      <p className="step">
        {connection.can_connect &&
        (connection.status === 'REAUTHORIZATION_REQUIRED' || connection.status === 'NOT_CONNECTED') ? (
          <ConnectButton
            provider={connection.provider}
            account={accounts[0]?.external_account_id ?? null}
            isPrimary={true}
          >
            {connection.status === 'NOT_CONNECTED' ? `Connect ${name}` : `Reconnect ${name}`}
          </ConnectButton>
        ) : (
          <button type="button" className="primary" onClick={reload}>
            Try again<span className="visually-hidden"> to read {name}</span>
          </button>
        )}
        {connection.reason != null && <code className="reason">{connection.reason}</code>}
      </p>
    </div>
  )
}

function explain(connection: Connection, name: string, accounts: readonly ExternalAccount[]): readonly string[] {
  switch (connection.status) {
    case 'REAUTHORIZATION_REQUIRED': {
      const whose = accounts
        .map(({ email_address, username }) => email_address ?? username)
        .find((label) => label != null)
      return [
        `${name} no longer lets us act for ${whose == null ? 'you' : `the account ${whose}`}: the access has expired or was withdrawn.`,
        `Give your consent again at ${name}. It takes one step, and nothing else changes.`,
      ]
    }
    case 'RATE_LIMITED':
      return [`Too much was asked at once. Try again ${inSeconds(connection.retry_after_ms)}.`]
    case 'UNAVAILABLE':
      return ['The state of this connection is unknown just now. Your account is not affected.']
    case 'MISCONFIGURED':
      return ['This has to be put right by whoever runs the application. There is nothing for you to do.']
    default:
      return [`No account at ${name} is connected.`]
  }
}

function inSeconds(retry_after_ms: number | null | undefined): string {
  return retry_after_ms == null ? 'in a little while' : `in ${String(Math.ceil(retry_after_ms / 1000))} seconds`
}
