/** Short messages such as "Copied", for the eye and through a live region for the ear. */
import { createContext, useCallback, useContext, useEffect, useState } from 'react'
import type { ReactNode } from 'react'

const VISIBLE_MS = 6000

const Announce = createContext<(message: string) => void>(() => undefined)

/** Returns a function that says a message; saying it again repeats it. */
export function useAnnounce(): (message: string) => void {
  return useContext(Announce)
}

export function Announcer({ children }: { readonly children: ReactNode }) {
  const [said, setSaid] = useState({ message: '', count: 0 })
  const announce = useCallback((message: string) => {
    setSaid(({ count }) => ({ message, count: count + 1 }))
  }, [])

  useEffect(() => {
    if (said.message === '') return
    const timer = setTimeout(() => {
      setSaid(({ count }) => ({ message: '', count }))
    }, VISIBLE_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [said])

  return (
    <Announce value={announce}>
      {children}
      {/* Always there: a live region that appears together with its text is often not read out. */}
      <div className="announcer" role="status">
        {said.message !== '' && <p key={said.count}>{said.message}</p>}
      </div>
    </Announce>
  )
}
