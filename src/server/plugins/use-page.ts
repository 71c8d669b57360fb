/** The page of development mode. After the HTTP policy, which refuses names that are not this machine's. */
import type { Plugin } from 'graphql-yoga'
import { asksForPage } from '../http-policy.ts'
import type { Page } from '../page.ts'

export function usePage(page: Page): Plugin {
  return {
    async onRequest({ request, endResponse }) {
      if (asksForPage(request.method, request.headers.get('accept')))
        endResponse(new Response(await page.html(), { headers: { 'content-type': 'text/html; charset=utf-8' } }))
    },
  }
}
