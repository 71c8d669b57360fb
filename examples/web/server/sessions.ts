/** Sessions in memory, named by a cookie that no script can read. A real application keeps them in its own store. */

const COOKIE = 'session'
const LIFETIME_SECONDS = 8 * 60 * 60
// Over https add `Secure` and call the cookie `__Host-session`.
const ATTRIBUTES = 'Path=/; HttpOnly; SameSite=Strict'

export interface Sessions {
  /** The value of `Set-Cookie`. */
  start(user_id: string): string
  /** The value of `Set-Cookie` that removes it. */
  end(cookies: string | undefined): string
  /** Whose session the `Cookie` header names; null: nobody's. */
  user(cookies: string | undefined): string | null
}

/** `createId` gives an id that cannot be guessed. */
export function createSessions(createId: () => string): Sessions {
  const sessions = new Map<string, { readonly user_id: string; readonly ends_at: number }>()

  function find(cookies: string | undefined): string {
    const pairs = (cookies ?? '').split(';').map((pair) => pair.trim())
    return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? ''
  }

  return {
    start: (user_id) => {
      const id = createId()
      sessions.set(id, { user_id, ends_at: Date.now() + LIFETIME_SECONDS * 1000 })
      return `${COOKIE}=${id}; ${ATTRIBUTES}; Max-Age=${String(LIFETIME_SECONDS)}`
    },
    end: (cookies) => {
      sessions.delete(find(cookies))
      return `${COOKIE}=; ${ATTRIBUTES}; Max-Age=0`
    },
    user: (cookies) => {
      const session = sessions.get(find(cookies))
      return session !== undefined && session.ends_at > Date.now() ? session.user_id : null
    },
  }
}
