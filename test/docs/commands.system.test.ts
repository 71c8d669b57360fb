/** Runs every command of every page, in the order of the page. */
import { expect, it } from 'vitest'
import { openShell, skipped } from './commands.ts'
import { blocksOf, pages } from './pages.ts'

const commands = blocksOf('', 'sh', 'bash')
const met = new Set<string>()

it.each(
  pages.filter((page) => commands.some((command) => command.page === page)).map((page) => [page.file, page] as const),
)(
  '%s',
  async (file, page) => {
    await using shell = await openShell(page)
    for (const { where, block } of commands.filter((command) => command.page.file === file)) {
      const { code, output } = await shell.run(block.text)
      expect(code ?? 0, `${where}\n${block.text}\n${output}`).toBe(0)
      if (/^curl .*\/graphql/m.test(block.text)) {
        expect(output, where).toContain('"data"')
        expect(output, where).not.toContain('"errors"')
      }
    }
    for (const name of shell.met()) met.add(name)
  },
  180_000,
)

it('every command that is left out appears on a page and has a reason', () => {
  expect(met).toEqual(new Set(Object.keys(skipped)))
})
