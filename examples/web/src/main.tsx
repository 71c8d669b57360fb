import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApolloProvider } from '@apollo/client/react'
import { Announcer } from './announcer.tsx'
import { App } from './app.tsx'
import { createClient } from './client.ts'

const root = document.getElementById('root')
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <ApolloProvider client={createClient()}>
        <Announcer>
          <App />
        </Announcer>
      </ApolloProvider>
    </StrictMode>,
  )
