/** Rows that are kept never answer for rows that another process has changed or removed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { builtProcess } from '../../kit/built.ts'
import { testFolder } from '../../kit/folder.ts'
import { vaultOptions } from '../../../src/upstreams/vault/options.ts'
import { batchInProcess } from '../../../src/tokens/in-process.ts'
import { callOf, keyOf, openUpstream, texts } from '../helpers.ts'
import type { Commit } from './writer-process.ts'

const WRITES = 200
const users = ['user_0', 'user_1', 'user_2', 'user_3'] as const
const ring = { id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }

interface Seen {
  readonly user: string
  /** How many commits about the user were known when the read began. */
  readonly known: number
  readonly token: string | null
}

type Read = (user: string) => Promise<ReturnType<typeof texts>>

/** The ways by which requests read: key by key, or after one look that proves what is remembered. */
const ways: Readonly<Record<string, (opened: ReturnType<typeof openUpstream>) => Read>> = {
  'asked for': ({ read }) => {
    return async (user) => texts(await read(user))
  },
  prepared: ({ tokens }) => {
    const { ask, prepare } = batchInProcess(tokens)
    return async (user) => {
      const caller = callOf()
      await prepare?.(caller)
      const answer = await Promise.resolve(ask(keyOf(user), caller)).catch((error: unknown) => error as Error)
      return texts(answer ?? [])
    }
  },
}

test.each(Object.keys(ways))(
  'what is read (%s) was current at a moment of the read, while another process writes and removes',
  async (way) => {
    const path = join(testFolder().path, 'vault.sqlite')
    const opened = openUpstream(vaultOptions.parse({ path, keys: [ring] }))
    const { events } = opened
    const read = ways[way]!(opened)
    await read('user_0')
    const commits = new Map<string, (string | null)[]>(users.map((user) => [user, [null]]))
    const args = [JSON.stringify({ path, keys: [ring] }), String(WRITES)]
    const writer = fork(builtProcess(join(import.meta.dirname, 'writer-process.ts')), args, { execArgv: [] })
    const ended = once(writer, 'exit')
    writer.on('message', ({ user, token }: Commit) => commits.get(user)?.push(token))
    const seen: Seen[] = []
    const readAll = async (user: string): Promise<void> => {
      while (writer.exitCode === null && writer.signalCode === null) {
        const known = commits.get(user)?.length ?? 0
        const found = await read(user)
        if (!Array.isArray(found)) throw new Error(found)
        seen.push({ user, known, token: found[0] ?? null })
        await setImmediate()
      }
    }
    await Promise.all(users.map(readAll))
    expect((await ended)[0]).toBe(0)
    for (const { user, known, token } of seen) expect(commits.get(user)?.slice(known - 1), user).toContain(token)
    for (const user of users) expect((await read(user))?.[0] ?? null).toBe(commits.get(user)?.at(-1))
    const outcomes = new Set(events.map(({ outcome }) => outcome))
    expect([...outcomes].sort()).toEqual(['cached', 'ok'])
  },
)
