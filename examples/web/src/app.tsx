/** Nobody, or somebody with connected accounts. */
import { CombinedGraphQLErrors } from '@apollo/client/errors'
import { useQuery } from '@apollo/client/react'
import { Accounts } from './accounts.tsx'
import { AccountsDocument } from './documents.ts'
import { SignIn } from './sign-in.tsx'

export function App() {
  // What one provider cannot answer is null with an error of its own; the others are shown all the same.
  const { data, error, loading, refetch } = useQuery(AccountsDocument, {
    fetchPolicy: 'network-only',
    errorPolicy: 'all',
  })
  const reload = () => void refetch()

  if (data?.me?.id !== undefined) return <Accounts user={data.me} isPartial={error !== undefined} reload={reload} />
  if (error !== undefined && codesOf(error).includes('UNAUTHENTICATED')) return <SignIn onDone={reload} />
  if (loading)
    return (
      <main className="page" aria-busy="true">
        <p className="quiet">Reading your accounts …</p>
      </main>
    )
  return (
    <main className="page">
      <h1>Connected accounts</h1>
      <p>The accounts cannot be read right now. Nothing is lost.</p>
      <button type="button" className="primary" onClick={reload}>
        Try again
      </button>
    </main>
  )
}

function codesOf(error: unknown): readonly unknown[] {
  return CombinedGraphQLErrors.is(error) ? error.errors.map(({ extensions }) => extensions?.code) : []
}
