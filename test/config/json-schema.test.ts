import { describe, expect, it } from 'vitest'
import { platforms } from '../../src/upstreams/registry.ts'
import { loaderOnly, mistakes, tenMistakes, unions } from './corpus.ts'
import { editorProblems } from './editor.ts'
import { hash, minimal } from './sample.ts'

describe('tokengraph.schema.json refuses', () => {
  it.each(mistakes)('%s', (_title, text) => {
    expect(editorProblems(text)).not.toEqual([])
  })

  it.each(unions)('in a union: %s', (_title, text) => {
    expect(editorProblems(text)).not.toEqual([])
  })

  it('an upstream without a platform', () => {
    expect(editorProblems(minimal.replace('platform:', 'platfrom:'))).toEqual([
      ".upstreams['clerk'] should have required property 'platform'",
    ])
  })

  it('most of ten mistakes at once', () => {
    const places = editorProblems(tenMistakes).map((line) => line.split(' ')[0])
    expect(new Set(places)).toEqual(
      new Set([
        '',
        '.listen.port',
        '.mode',
        ".upstreams['clerk']",
        ".upstreams['clerk'].concurrency",
        ".upstreams['vault'].platform",
        '.auth.services[0].id',
      ]),
    )
  })
})

describe('tokengraph.schema.json accepts', () => {
  it('the least that production needs', () => {
    expect(editorProblems(minimal)).toEqual([])
  })

  it.each(loaderOnly)('what it cannot express: %s', (_title, text) => {
    expect(editorProblems(text)).toEqual([])
  })

  it('a variable where a number, a boolean, a word or a pattern is expected', () => {
    expect(
      editorProblems(`
mode: \${MODE}
listen: { host: "\${HOST}", port: "\${PORT}" }
metrics: { host: "\${POD}.internal" }
unready_seconds: \${SECONDS}
upstreams:
  clerk: { platform: clerk, secret_key: "\${KEY}", concurrency: "\${CONCURRENCY}", base_url: "https://\${HOST}/v1" }
auth:
  services: [{ id: "\${ID}", key_sha256: "\${HASH}", schema: "\${FLAG}", grants: [{ providers: ["\${A}"], fields: ["\${B}"] }] }]
`),
    ).toEqual([])
  })

  it('no other text there', () => {
    for (const text of ['1${PORT}', '${PORT', '$PORT', '${1}', 'PORT'])
      expect(editorProblems(`listen: { port: "${text}" }`)).not.toEqual([])
    expect(editorProblems(`auth: { services: [{ id: "\${}", key_sha256: ${hash} }] }`)).not.toEqual([])
  })
})

describe('the options of an upstream follow from its platform', () => {
  it.each(Object.keys(platforms))('%s', (platform) => {
    expect(editorProblems(`upstreams: { a: { platform: ${platform}, surely_unknown: 1 } }`)).toContain(
      ".upstreams['a'] should NOT have additional properties",
    )
  })
})
