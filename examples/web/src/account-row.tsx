/** One connected account: whose, what it may do, how long, and its token on request. */
import { useEffect, useEffectEvent } from 'react'
import { AccountActions } from './account-actions.tsx'
import type { Connection } from './accounts.tsx'
import type { ExternalAccount } from './connection-card.tsx'
import { formatDate, formatRemaining } from './expiry.ts'
import { nameProvider } from './provider-name.ts'
import { TokenField } from './token-field.tsx'
import { useNow } from './use-now.ts'

/** Seconds; with less left, the graph asks for a new token or says that consent is needed. */
const MIN_VALIDITY = 60

interface Props {
  readonly provider: string
  readonly token: Connection['oauth_access_tokens'][number]
  readonly account: ExternalAccount | undefined
  /** Whether it was connected here. */
  readonly isOurs: boolean
  readonly reload: () => void
}

export function AccountRow({ provider, token, account, isOurs, reload }: Props) {
  const { external_account_id, label, scopes, expires_at } = token
  const name = account?.email_address ?? account?.username ?? account?.label ?? external_account_id
  return (
    <li className="account">
      <h3>
        {name} {label != null && <span className="label">{label}</span>}
      </h3>
      <dl>
        <dt>Scopes</dt>
        <dd>
          {scopes == null ? (
            <span className="quiet">The provider does not say</span>
          ) : (
            <ul className="scopes">
              {scopes.map((scope) => (
                <li key={scope}>
                  <code>{scope}</code>
                </li>
              ))}
            </ul>
          )}
        </dd>
        <dt>Expires</dt>
        <dd>
          {expires_at == null ? (
            <span className="quiet">No expiry is known</span>
          ) : (
            <Expiry {...{ expires_at, reload }} />
          )}
        </dd>
        <dt>Token</dt>
        <dd>
          <TokenField provider={provider} account={external_account_id} name={`${nameProvider(provider)}, ${name}`} />
        </dd>
      </dl>
      {isOurs && (
        <AccountActions
          provider={provider}
          account={external_account_id}
          name={`${nameProvider(provider)}, ${name}`}
          reload={reload}
        />
      )}
    </li>
  )
}

function Expiry({ expires_at, reload }: { readonly expires_at: number; readonly reload: () => void }) {
  const remaining = expires_at - useNow()
  const isEnding = remaining <= MIN_VALIDITY
  const onEnding = useEffectEvent(reload)
  useEffect(() => {
    if (isEnding) onEnding()
  }, [isEnding])
  return (
    <time dateTime={new Date(expires_at * 1000).toISOString()} title={formatDate(expires_at)}>
      {formatRemaining(remaining, expires_at)}
    </time>
  )
}
