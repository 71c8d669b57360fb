import { useState } from 'react'
import { useAnnounce } from './announcer.tsx'
import { beginSession } from './session.ts'

export function SignIn({ onDone }: { readonly onDone: () => void }) {
  const [busy, setBusy] = useState(false)
  const announce = useAnnounce()

  async function signIn() {
    if (busy) return
    setBusy(true)
    if (await beginSession()) {
      onDone()
      return
    }
    setBusy(false)
    announce('Signing in did not work. Is the server running?')
  }

  return (
    <main className="page sign-in">
      <div className="card">
        <p className="mark" aria-hidden="true">
          tokengraph
        </p>
        <h1>See what is connected</h1>
        <p>
          Every account that you connected at Google, GitHub and elsewhere, in one place: what it may do, how long it
          lasts, and what needs you.
        </p>
        <button type="button" className="primary" onClick={() => void signIn()}>
          Sign in as the demo user
        </button>
        <p className="quiet small">Everything here is invented and stays on this machine.</p>
      </div>
    </main>
  )
}
