/** Reads the pages: their blocks, links, headings and code spans. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Block {
  /** The text after the opening fence; `''` for a command. */
  readonly language: string
  readonly text: string
  /** The number of its first line. */
  readonly line: number
}

export interface Page {
  /** The path from the root, such as `docs/errors.md`. */
  readonly file: string
  readonly blocks: readonly Block[]
  /** The targets of its links and images. */
  readonly links: readonly string[]
  /** The anchors of its headings. */
  readonly anchors: ReadonlySet<string>
  /** The code spans of its text. */
  readonly code: readonly string[]
}

const fence = /^( *)(`{3,})([^\n`]*)\n([^]*?)\n?^\1\2`* *$/gm

export function readPage(file: string): Page {
  const text = readFileSync(join(root, file), 'utf8')
  const blocks = [...text.matchAll(fence)].map(({ index, 1: indent = '', 3: language = '', 4: body = '' }): Block => ({
    language: language.trim(),
    text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    // The fence is the line before.
    line: text.slice(0, index).split('\n').length + 1,
  }))
  const prose = text.replaceAll(fence, '')
  return {
    file,
    blocks,
    links: [...prose.replaceAll(/`[^`]*`/g, '`').matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)\)/g)].map(
      ([, target = '']) => target,
    ),
    anchors: new Set([...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => slug(heading.trim()))),
    code: [...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' ')),
  }
}

/** Returns the anchor that GitHub makes of a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}

const markdownIn = (folder: string, options: { readonly recursive: boolean } = { recursive: false }): string[] =>
  readdirSync(join(root, folder), { ...options, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))

export const pages: readonly Page[] = [
  ...markdownIn('.'),
  ...markdownIn('docs', { recursive: true }),
  ...readdirSync(join(root, 'examples')).flatMap((name) => markdownIn(join('examples', name))),
].map(readPage)

/** Returns every block of the languages with its page; `where` names it in a failing test. */
export function blocksOf(...languages: readonly string[]) {
  return pages.flatMap((page) =>
    page.blocks
      .filter(({ language }) => languages.includes(language))
      .map((block) => ({ where: `${page.file}:${String(block.line)}`, page, block })),
  )
}
