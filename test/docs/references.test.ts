/** Resolves every reference in a comment to a file, a heading or a promise of this repository. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commentsIn } from './comments.ts'
import { pages, readPage, root } from './pages.ts'
import { rowsOf } from './tables.ts'

const self = 'test/docs/references.test.ts'
const folders = ['src', 'test', 'scripts', 'bench', 'examples', 'deploy', 'docs']

function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => ending.test(file) && !file.includes('node_modules') && !file.startsWith('test/gql/'))
}

const atRoot = readdirSync(root).filter((name) => /\.(ts|js|mjs|md|json|yaml|graphql)$/.test(name))
const repository = [...atRoot, ...folders.flatMap((folder) => filesIn(folder, /./))]
const basenames = new Set(repository.map((file) => basename(file)))
const promises = new Set(rowsOf('docs/promises.md', 'number').map(([number]) => number))

/** Documents that were never in the repository, and issue numbers that no reader can open. */
const elsewhere =
  /\b(TRUST|DESIGN|ANCHORS|HOUSE|VAULT-LIFE)\b|\b(upstreams\/|ory-kratos|others)[a-z0-9-]*\.md\b|\bissue \d{1,2}\b(, point \d+)?/i

const path =
  /(?<![\w./-])(?:docs|src|test|scripts|bench|examples|deploy)\/[\w./-]*\w\.(?:md|tsx?|js|json|graphql)(?![\w/])/g
const name = /(?<![\w./*{}<>-])[A-Za-z][\w-]*\.(?:md|ts)(?![\w/])/g

/** Returns what is wrong with the references in a text. */
function problemsIn(text: string): string[] {
  const unknown = elsewhere.exec(text.replaceAll(/\btrust\b|\bdesign\b|\bhouse\b|\banchors\b/g, ''))
  return [
    ...(unknown === null ? [] : [`${unknown[0].trim()} is not in the repository`]),
    ...[...text.matchAll(path)].flatMap(([file]) =>
      existsSync(join(root, file)) || file === 'docs/platforms/acme.md' ? [] : [`there is no ${file}`],
    ),
    ...[...text.matchAll(name)].flatMap(([file]) => (basenames.has(file) ? [] : [`no file is called ${file}`])),
    ...[...text.matchAll(/docs\/promises\.md(?:#| )?((?:[RS]\d+(?:, | and )?)*)/g)].flatMap(([, numbers = '']) => {
      const found = numbers.match(/[RS]\d+/g) ?? []
      if (found.length === 0) return ['docs/promises.md without the number of a promise']
      return found.filter((number) => !promises.has(number)).map((number) => `there is no promise ${number}`)
    }),
    ...[...text.matchAll(/(docs\/[\w/-]+\.md)(?:#([\w-]+)|,? sections? (\d+))/g)].flatMap(
      ([whole, file = '', anchor, section]) => {
        if (!existsSync(join(root, file)) || file === 'docs/promises.md') return []
        const { anchors } = readPage(file)
        const exists =
          anchor === undefined ? [...anchors].some((each) => each.startsWith(`${section ?? ''}-`)) : anchors.has(anchor)
        return exists ? [] : [`${whole}: there is no such heading`]
      },
    ),
  ]
}

/** Parses only files with a suspect reference, which are few. */
function problemsInComments(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  if (problemsIn(text.replaceAll(/\n\s*(?:\*|\/\/)?/g, ' ').replaceAll(/ +/g, ' ')).length === 0) return []
  return commentsIn(file, text).flatMap((comment) =>
    problemsIn(comment.text).map((problem) => `${file}:${String(comment.line)}: ${problem}`),
  )
}

const sources = [
  ...atRoot.filter((file) => /\.(ts|js|mjs)$/.test(file)),
  ...folders.flatMap((folder) => filesIn(folder, /\.(tsx?|js|mjs)$/)),
]

describe('in comments', () => {
  it.each([...folders, ''])('of %s', (folder) => {
    const own = sources.filter((file) => (folder === '' ? !file.includes('/') : file.startsWith(`${folder}/`)))
    expect(own.filter((file) => file !== self).flatMap(problemsInComments)).toEqual([])
  })
})

it('in the titles and messages of tests', () => {
  const problems = sources
    .filter((file) => file.startsWith('test/') && file !== self)
    .flatMap((file) =>
      /\b(TRUST|DESIGN|ANCHORS|HOUSE)\b|upstreams\/[\w-]+\.md|\bissue \d+, point/.test(
        readFileSync(join(root, file), 'utf8'),
      )
        ? [file]
        : [],
    )
  expect(problems).toEqual([])
})

it('paths in the text of pages', () => {
  const problems = pages
    // These pages are about files of other repositories, and of the reader's own project.
    .filter(({ file }) => !file.startsWith('docs/platforms/') && file !== 'docs/tools.md')
    .flatMap(({ file, code }) =>
      code
        .filter(
          (text) => /^(docs|src|test|scripts|bench|examples|deploy)\/[\w./-]*$/.test(text) && !/acme|NNNN/.test(text),
        )
        .filter((text) => ![root, dirname(join(root, file))].some((folder) => existsSync(join(folder, text))))
        .map((text) => `${file}: there is no ${text}`),
    )
  expect(problems).toEqual([])
})

describe('finds', () => {
  it.each([
    ['as docs/promises.md S99 says', 'there is no promise S99'],
    ['as docs/promises.md says', 'docs/promises.md without the number of a promise'],
    ['the table of docs/platforms/clerk.md section 12', 'docs/platforms/clerk.md section 12: there is no such heading'],
    ['see docs/security.md#nowhere', 'docs/security.md#nowhere: there is no such heading'],
    ['moved from src/nowhere.ts', 'there is no src/nowhere.ts'],
    ['see nowhere.ts', 'no file is called nowhere.ts'],
    ['the promise TRUST S5', 'TRUST is not in the repository'],
    ['written from upstreams/clerk.md', 'upstreams/clerk.md is not in the repository'],
    ['asked for in issue 2, point 5', 'issue 2, point 5 is not in the repository'],
  ])('%s', (text, problem) => {
    expect(problemsIn(text)).toContain(problem)
  })

  it.each([
    'docs/promises.md R6, S1 and S13; docs/platforms/clerk.md section 5; docs/security.md#what-it-is-made-of',
    'RFC 9110 section 10.2.3; better-auth#2701; NangoHQ/nango#1005; mercurius issue 1228; trust is earned',
    'packages/backend/src/api/request.ts of somebody else',
  ])('accepts %s', (text) => {
    expect(problemsIn(text)).toEqual([])
  })

  it('reads wrapped references, and no strings', () => {
    const text =
      "/** One of\n * docs/platforms/clerk.md\n * section 5. */\nconst url = 'https://example.com' // the\n// end\n"
    expect(commentsIn('a.ts', text)).toEqual([
      { line: 1, text: '/** One of docs/platforms/clerk.md section 5. */' },
      { line: 4, text: '// the end' },
    ])
  })
})
