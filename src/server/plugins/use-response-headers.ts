/** Puts the constant headers on every answer, and what a browser wants to know of a listed origin. */
import type { Plugin } from 'graphql-yoga'
import { corsHeaders, responseHeaders } from '../http-policy.ts'

export function useResponseHeaders(origins: readonly string[]): Plugin {
  return {
    onResponse({ request, response }) {
      const headers = { ...responseHeaders, ...corsHeaders(request.headers.get('origin'), origins) }
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
    },
  }
}
