/** The code of docs/connect.md for a page with a login of its own, run as a page would run it. */
import { createContext, runInContext } from 'node:vm'
import { expect, test } from 'vitest'
import { blocksOf } from '../docs/pages.ts'
import { openBrowser, openConnectScene } from './scene.ts'
import type { Finished } from './scene.ts'

const blockOf = (language: string, holds: string): string =>
  blocksOf(language).find(({ page, block }) => page.file === 'docs/connect.md' && block.text.includes(holds))!.block
    .text

test('the page connects: the verifier stays in the page, and the address that is left shows nothing', async () => {
  const scene = await openConnectScene()
  const app = scene.app('user_1')
  const stored = new Map<string, string>()
  const location = {
    ...{ origin: 'http://127.0.0.1:9', pathname: '/settings', search: '', left: '' },
    assign(url: string) {
      this.left = url
    },
  }
  const shown: string[] = []
  const context = createContext({
    ...{ btoa, crypto, TextEncoder, Uint8Array, URLSearchParams, location },
    sessionStorage: {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => stored.set(name, value),
      removeItem: (name: string) => stored.delete(name),
    },
    history: { replaceState: (_state: unknown, _title: string, url: string) => shown.push(url) },
    START: blockOf('graphql', 'start_connection'),
    FINISH: blockOf('graphql', 'finish_connection'),
    async ask(query: string, variables: object) {
      const { data, errors } = await app.ask<Record<string, unknown>>(query, variables)
      expect(errors).toBeUndefined()
      return data
    },
  })
  runInContext(blockOf('js', 'sessionStorage'), context)
  await runInContext("connect(ask, 'acme')", context)
  expect(stored.size).toBe(1)
  const stop = await openBrowser().go(location.left)
  location.search = stop.url.search
  const finished = (await runInContext('comeBack(ask)', context)) as Finished
  expect(finished).toMatchObject({ status: 'CONNECTED', account: { label: 'person@example.invalid' } })
  expect(stored.size).toBe(0)
  expect(shown).toStrictEqual(['/settings'])
  location.search = ''
  expect(await runInContext('comeBack(ask)', context)).toBeNull()
})
