import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createWriter } from '../../src/audit/sink-file.ts'
import { testFolder } from '../kit/folder.ts'

test('a disk that made one write wait stops no event loop again: the next writes wait in a thread', async () => {
  const path = join(testFolder().path, 'audit.ndjson')
  await using file = await open(path, 'a')
  let now = 0
  let threaded = 0
  const watched = new Proxy(file, {
    get(target, name) {
      if (name === 'write') threaded += 1
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
  /** Milliseconds that each look at the clock takes: a write looks before and after. */
  let step = 0
  const write = createWriter(() => (now += step))
  await write(watched, Buffer.from('quick\n'))
  step = 6
  await write(watched, Buffer.from('slow\n'))
  step = 0
  expect(threaded).toBe(0)
  await write(watched, Buffer.from('after a slow one\n'))
  expect(threaded).toBe(1)
  now += 60_000
  await write(watched, Buffer.from('quick again\n'))
  expect(threaded).toBe(1)
  expect(readFileSync(path, 'utf8')).toBe('quick\nslow\nafter a slow one\nquick again\n')
})
