/** kill -9 at each step of a refresh (docs/promises.md R2): deaths are those of the model, and none where a grace exists. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testFolder } from '../../kit/folder.ts'
import { crash, crashes } from './crashes.ts'

const AT_ONCE = 5

test('thirty crashes: an account dies where the answer was lost without a grace, with that reason, and nowhere else', async () => {
  const folder = testFolder().path
  const found: string[] = []
  const wanted: string[] = []
  const queue = [...crashes.entries()]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [n, each] = next
      const { alive, state, reason, posts } = await crash(each, { path: join(folder, String(n), 'vault.sqlite') })
      const name = `${each.kind}, ${each.point}: `
      wanted.push(name + (each.mayDie ? 'dead, AMBIGUOUS_ROTATION' : 'alive'))
      found.push(name + (alive ? 'alive' : `dead, ${String(reason)}`))
      expect(state).toBe(alive ? 'ACTIVE' : 'REAUTHORIZATION_REQUIRED')
      // One request brings an account back, or shows that nothing does; a finished refresh needs none.
      expect(posts).toBe(each.point === 'committed' ? 0 : 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  expect(found.toSorted()).toEqual(wanted.toSorted())
}, 120_000)
