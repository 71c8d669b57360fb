import { useState } from 'react'
import type { ReactNode } from 'react'
import { useApolloClient } from '@apollo/client/react'
import { useAnnounce } from './announcer.tsx'
import { beginConnection } from './connect.ts'

interface Props {
  readonly provider: string
  /** The account that is connected again; null: another one. */
  readonly account: string | null
  readonly isPrimary: boolean
  readonly children: ReactNode
}

/** Leads to the provider. A second press while the first is under way begins nothing. */
export function ConnectButton({ provider, account, isPrimary, children }: Props) {
  const client = useApolloClient()
  const announce = useAnnounce()
  const [busy, setBusy] = useState(false)

  async function begin() {
    if (busy) return
    setBusy(true)
    try {
      await beginConnection(client, provider, account)
    } catch {
      announce('The connection could not begin. Nothing was changed.')
      setBusy(false)
    }
  }

  // The back button may show the page as it was left.
  return (
    <button type="button" className={isPrimary ? 'primary' : undefined} aria-busy={busy} onClick={() => void begin()}>
      {children}
    </button>
  )
}
