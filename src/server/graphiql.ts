/** GraphiQL for development mode, served from this machine: the page loads nothing from elsewhere. */
import type { Page } from '../http/edge.ts'

/** What a tab of GraphiQL holds at first. */
export interface PageTab {
  readonly query: string
  /** JSON. */
  readonly variables?: string
}

/** GraphiQL with tabs to begin with and the development key; loaded and rendered when it is first opened. */
export function createPage(tabs: readonly PageTab[], key: string): Page {
  let rendered: Promise<Uint8Array<ArrayBuffer>> | null = null
  return { html: () => (rendered ??= render(tabs, key)) }
}

async function render(tabs: readonly PageTab[], key: string): Promise<Uint8Array<ArrayBuffer>> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const page = renderGraphiQL({
    title: 'tokengraph',
    favicon,
    defaultTabs: tabs.map((tab) => ({ ...tab })),
    // The key comes with the page at each visit. In the editor of headers GraphiQL would store it, send a dead one after
    // `data` was made anew, and not recognize its own tabs.
    additionalHeaders: { Authorization: `Bearer ${key}` },
    shouldPersistHeaders: false,
  })
  const accessible = page
    .replace('</head>', `<style>${style}</style></head>`)
    .replace('<div id="root"></div>', '<header><h1>tokengraph</h1></header><main id="root"></main>')
  return new TextEncoder().encode(accessible.replace('<script>', `<script>${restoreTabs}</script><script>`))
}

/** What GraphiQL lacks of WCAG 2.2: a heading, contrast of the numbers of lines, and the size of small targets. */
const style = `
body > header { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
#root { height: 100% }
.monaco-editor .line-numbers { color: #5b6474 !important }
@media (prefers-color-scheme: light) { .monaco-editor .mtk8 { color: #7a4b00 !important } }
@media (prefers-color-scheme: dark) { .monaco-editor .line-numbers { color: #b7c2d7 !important } }
/* Of another project. */
.graphiql-logo { display: none }
.graphiql-tab-close { width: 24px; min-height: 24px; padding: 0 !important }
.graphiql-tab-button { padding-right: 30px !important }
`

/**
 * Prepares what GraphiQL stored at an earlier visit. Headers go: those of an earlier version hold a key that would win over
 * the one of the page. The tab that was in front becomes the stored query, by which GraphiQL finds it; otherwise it opens
 * an empty one.
 */
const restoreTabs = `
for (const name of ['headers', 'shouldPersistHeaders']) localStorage.removeItem('graphiql:' + name)
try {
  const state = JSON.parse(localStorage.getItem('graphiql:tabState'))
  for (const tab of state.tabs) tab.headers = null
  localStorage.setItem('graphiql:tabState', JSON.stringify(state))
  for (const name of ['query', 'variables'])
    localStorage.setItem('graphiql:' + name, state.tabs[state.activeTabIndex][name] ?? '')
} catch {
  localStorage.removeItem('graphiql:tabState')
}
`

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M4 8 12 3M4 8l8 5" stroke="teal" stroke-width="2"/></svg>'
const favicon = `data:image/svg+xml,${encodeURIComponent(icon)}`
