/** What came of a connection, in words, with the one step that helps. */
import { useEffect, useRef } from 'react'
import type { Outcome } from './connect.ts'
import { nameProvider } from './provider-name.ts'

interface Words {
  readonly tone: 'good' | 'attention'
  readonly title: string
  readonly text: string
}

export function ConnectionOutcome({ outcome, dismiss }: { readonly outcome: Outcome; readonly dismiss: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    heading.current?.focus()
  }, [])
  const { tone, title, text } = explain(outcome)
  const more = 'missing_scopes' in outcome ? notesOf(outcome) : []
  return (
    <section className={`outcome ${tone}`} aria-labelledby="outcome">
      <h2 id="outcome" ref={heading} tabIndex={-1}>
        {title}
      </h2>
      <p>{text}</p>
      {more.map((note) => (
        <p key={note}>{note}</p>
      ))}
      <button type="button" onClick={dismiss}>
        Close
      </button>
    </section>
  )
}

function explain(outcome: Outcome): Words {
  const name = outcome.provider === null ? 'the account' : nameProvider(outcome.provider)
  const attention = (title: string, text: string): Words => ({ tone: 'attention', title, text })
  switch (outcome.status) {
    case 'CONNECTED': {
      const label = outcome.account?.label ?? outcome.account?.username ?? outcome.account?.email_address
      return {
        tone: 'good',
        title: `${name} is connected`,
        text: label == null ? 'It can be used now.' : `The account ${label} can be used now.`,
      }
    }
    case 'DENIED':
      return attention('Nothing was connected', `You did not allow it at ${name}. Connect it whenever you like.`)
    case 'EXPIRED':
      return attention('That took too long', `The connection to ${name} has expired. Nothing was changed: begin again.`)
    case 'DIFFERENT_ACCOUNT':
      return attention(
        'That was another account',
        `You came back from ${name} with another account than the one to reconnect. Nothing was changed: begin again with the right one.`,
      )
    case 'OWNED_BY_ANOTHER_USER':
      return attention(
        'That account belongs to somebody else here',
        `Another user has connected it already. Choose another account at ${name}.`,
      )
    case 'LOST':
      return attention(
        'This was not begun in this tab',
        'For your safety an account is connected in the tab in which it was begun. Nothing was connected.',
      )
    case 'PENDING':
    case 'REFUSED':
    case 'FAILED':
      return attention(`${name} could not be connected`, 'Nothing was changed. Begin again, or come back later.')
  }
}

function notesOf({ missing_scopes: missing, warnings }: Extract<Outcome, { missing_scopes: unknown }>) {
  return [
    ...(missing.length === 0 ? [] : [`You did not allow: ${missing.join(', ')}. What needs it will not work.`]),
    ...(warnings.includes('NO_REFRESH_TOKEN') ? ['You will be asked again when the access ends.'] : []),
  ]
}
