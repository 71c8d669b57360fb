/** Puts the constant headers on every answer. */
import type { Plugin } from 'graphql-yoga'
import { responseHeaders } from '../http-policy.ts'

export function useResponseHeaders(): Plugin {
  return {
    onResponse({ response }) {
      for (const [name, value] of Object.entries(responseHeaders)) response.headers.set(name, value)
    },
  }
}
