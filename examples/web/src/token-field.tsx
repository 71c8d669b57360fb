/**
 * The token of one account. It is asked for when the user presses Show or Copy, stays out of Apollo's cache, and is
 * forgotten again: after a copy the page keeps its mask alone, and what is shown hides itself.
 */
import { useEffect, useState } from 'react'
import { useApolloClient } from '@apollo/client/react'
import { useAnnounce } from './announcer.tsx'
import { TokenDocument } from './documents.ts'
import { maskToken } from './mask.ts'

const SHOWN_MS = 30_000
const UNREAD = '•'.repeat(12)

interface Props {
  readonly provider: string
  /** The id of the connected account. */
  readonly account: string
  /** Tells this token from the others of the page. */
  readonly name: string
}

export function TokenField({ provider, account, name }: Props) {
  const client = useApolloClient()
  const announce = useAnnounce()
  const [shown, setShown] = useState<string | null>(null)
  const [mask, setMask] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)

  useEffect(() => {
    if (shown === null) return
    const timer = setTimeout(() => {
      setShown(null)
    }, SHOWN_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [shown])

  async function read(use: (token: string) => Promise<void> | void) {
    if (busy) return
    // A disabled button would lose the focus, so a second press is ignored instead.
    setBusy(true)
    try {
      const variables = { provider, account }
      const { data } = await client.query({ query: TokenDocument, variables, fetchPolicy: 'no-cache' })
      const token = data?.me?.oauth_access_tokens?.[0]?.token
      if (token === undefined) throw new Error('not connected any more')
      setMask(maskToken(token))
      await use(token)
    } catch {
      announce(`The token of ${name} could not be read.`)
    } finally {
      setBusy(false)
    }
  }

  async function copy(token: string) {
    try {
      await navigator.clipboard.writeText(token)
      announce(`Copied the token of ${name}.`)
    } catch {
      announce('The browser does not let this page copy. Press Show and copy it by hand.')
    }
  }

  const suffix = <span className="visually-hidden"> the token of {name}</span>
  return (
    <div className="token">
      <code className={shown === null ? 'masked' : ''}>
        {shown ?? (
          <>
            <span aria-hidden="true">{mask ?? UNREAD}</span>
            <span className="visually-hidden">hidden</span>
          </>
        )}
      </code>
      <span className="token-buttons">
        <button
          type="button"
          onClick={() => {
            if (shown === null) void read(setShown)
            else setShown(null)
          }}
        >
          {shown === null ? 'Show' : 'Hide'}
          {suffix}
        </button>
        <button type="button" onClick={() => void (shown === null ? read(copy) : copy(shown))}>
          Copy{suffix}
        </button>
      </span>
    </div>
  )
}
