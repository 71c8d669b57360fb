/** The page of the demo provider: who consents, and to what. Everything on it is invented. */
import { createHash } from 'node:crypto'

export const people = [
  { id: 'demo-ada', name: 'ada@demo.example' },
  { id: 'demo-grace', name: 'grace@demo.example' },
] as const

const style = `:root{color-scheme:light dark;--ground:#fff;--ink:#1b1b1f;--line:#75757f;--accent:#0b57d0;--on:#fff}@media (prefers-color-scheme:dark){:root{--ground:#1b1b1f;--ink:#e6e6ea;--line:#8a8a94;--accent:#a8c7fa;--on:#062e6f}}*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;font:1rem/1.5 system-ui,sans-serif;background:var(--ground);color:var(--ink)}main{width:min(28rem,100%);padding:1.5rem}h1{font-size:1.375rem;line-height:1.25;margin:0 0 .5rem}p{margin:0 0 1rem}fieldset{border:1px solid var(--line);border-radius:.5rem;margin:0 0 1rem;padding:.75rem 1rem}legend{font-weight:600;padding:0 .25rem}label{display:flex;gap:.625rem;align-items:center;min-height:2rem;overflow-wrap:anywhere}.actions{display:flex;flex-wrap:wrap;gap:.75rem}button{font:inherit;min-height:2.75rem;padding:0 1.25rem;border-radius:1.375rem;border:1px solid var(--line);background:transparent;color:inherit;cursor:pointer}button.primary{background:var(--accent);border-color:var(--accent);color:var(--on)}:focus-visible{outline:3px solid var(--accent);outline-offset:2px}`

/** Without `form-action`, which Chromium also applies to the redirect that the form leads to. */
export const CONSENT_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`

export interface Consent {
  /** Of the request, with its question mark. */
  readonly query: string
  readonly scopes: readonly string[]
}

export function consentPage({ query, scopes }: Consent): string {
  const persons = people.map(
    ({ id, name }, n) =>
      `<label><input type="radio" name="person" value="${id}"${n === 0 ? ' checked' : ''}> ${name}</label>`,
  )
  const boxes = scopes.map(
    (scope) => `<label><input type="checkbox" name="scope" value="${escape(scope)}" checked> ${escape(scope)}</label>`,
  )
  const asked = boxes.length === 0 ? '' : `<fieldset><legend>What it may do</legend>${boxes.join('')}</fieldset>`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Demo provider: consent</title><style>${style}</style></head><body><main><h1>Connect your account to tokengraph?</h1><p>This provider exists on your machine alone. Nothing here is real.</p><form method="post" action="${escape(query)}"><fieldset><legend>Your account</legend>${persons.join('')}</fieldset>${asked}<div class="actions"><button class="primary" name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></div></form></main></body></html>`
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (each) => `&#${String(each.charCodeAt(0))};`)
}
