/** What deploy/ watches is what a running server shows. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { errorCodes } from '../../src/errors.ts'
import { vaultOptions } from '../../src/upstreams/vault/options.ts'
import { accountRecord } from '../../src/upstreams/vault/store/record.ts'
import { openStore } from '../../src/upstreams/vault/store/store.ts'
import { writeAccounts } from '../../src/upstreams/vault/store/write.ts'
import { root } from '../docs/pages.ts'
import { makeFolder } from '../kit/folder.ts'
import { startTestServer } from '../kit/server.ts'
import { clerkFailure, startClerk } from '../servers/clerk.ts'
import { answers } from '../servers/misbehaviour.ts'
import { findUnknown, readQuery, readSeries } from './promql.ts'
import type { Series } from './promql.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}
const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}
interface Variable {
  readonly name: string
  readonly type: string
  readonly definition?: string
}
const dashboard = JSON.parse(read('deploy/grafana/dashboard.json')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
}
const targets = dashboard.panels.flatMap(({ title, targets: own = [] }) => own.map(({ expr }) => ({ title, expr })))

/** Codes come from a closed list; a failing disk or an overload is not made here for each of them. */
const known = { code: Object.keys(errorCodes) }
let series: readonly Series[] = []
const unknown = (expr: string) => findUnknown(expr, series, known)

/** Makes a server show each series: over a platform that answers and refuses, and over a vault. */
beforeAll(async () => {
  using folder = makeFolder()
  const path = join(folder.path, 'vault.sqlite')
  const keys = [{ id: 'k1', secret: 'invented-ring-secret-0123456789-abcdef' }]
  const store = await openStore(vaultOptions.parse({ path, keys }))
  const account = { provider: 'github', external_account_id: 'a', token: 'invented-at' }
  await writeAccounts(
    store,
    ['u1', 'u2'].map((user_id) => accountRecord.parse({ ...account, user_id })),
  )
  await store.sql.run("UPDATE accounts SET state = 'AMBIGUOUS' WHERE user_id = 'u1'")
  await store.close()
  const clerk = await startClerk()
  try {
    await using server = await startTestServer({
      file: {
        metrics: { port: 0 },
        upstreams: { clerk: clerk.options(), own: { platform: 'vault', path, keys } },
        providers: { google: 'clerk', github: 'own' },
      },
    })
    clerk.addTokens('u1', 'oauth_google', [{ token: 'invented-metric-token' }])
    clerk.misbehave(answers(401, clerkFailure('clerk_key_invalid')), { path: /u_failing/ })
    const google = (user: string) => `{ user(id: "${user}") { oauth_access_tokens(provider: "google") { token } } }`
    for (const user of ['u1', 'u1', 'u_failing']) await server.ask(google(user))
    // Of one key twice in one moment, the second waits for the call of the first.
    clerk.addTokens('u2', 'oauth_google', [{ token: 'invented-metric-token-2' }])
    await Promise.all([server.ask(google('u2')), server.ask(google('u2'))])
    series = readSeries(await (await fetch(`${server.metrics_url ?? ''}/metrics`)).text())
  } finally {
    await clerk.close()
  }
})

describe('the check itself', () => {
  it.each([
    ['tokengraph_invented_total', ['no metric tokengraph_invented_total']],
    ['rate(tokengraph_errors_total{kind="x"}[5m])', ['tokengraph_errors_total has no label kind']],
    ['tokengraph_errors_total{code="INVENTED"}', ['tokengraph_errors_total has no code="INVENTED"']],
    ['sum by (provider) (tokengraph_keys_total)', ['no metric of it has the label provider']],
    ['sum by (le) (tokengraph_errors_total)', ['no metric of it has the label le']],
    ['tokengraph_upstream_requests{state=~"queued|stuck"}', ['tokengraph_upstream_requests has no state="stuck"']],
  ])('%s is found', (expr, problems) => {
    expect(unknown(expr)).toEqual(problems)
  })

  it.each(['sum(rate(up[5m])', 'up{', 'histogram_quantile(0.9 up)', 'up by'])('%s is no PromQL', (expr) => {
    expect(readQuery(expr).faults).not.toEqual([])
  })
})

describe('the alert rules', () => {
  it.each(rules)('$alert asks for what a server shows', ({ expr }) => {
    expect(readQuery(expr).asked).not.toEqual([])
    expect(unknown(expr)).toEqual([])
  })

  it('have names of their own, a severity, and sentences', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Tokengraph[A-Z]\w+$/)
      expect(['critical', 'warning']).toContain(labels.severity)
      for (const text of [annotations.summary, annotations.description]) expect(text).toMatch(/\.$/)
    }
  })

  it('name no label that their expression has lost', () => {
    for (const { expr, annotations } of rules) {
      const used = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
      expect(readQuery(expr).grouped).toEqual(expect.arrayContaining(used))
    }
  })
})

describe('the dashboard', () => {
  it.each(targets)('$title: $expr', ({ expr }) => {
    expect(unknown(expr)).toEqual([])
  })

  it('shows every metric of this server', () => {
    const asked = new Set(targets.flatMap(({ expr }) => readQuery(expr).asked.map(({ metric }) => metric)))
    const own = series.map(({ metric }) => metric).filter((metric) => metric.startsWith('tokengraph_'))
    const shown = (metric: string) => {
      const base = metric.replace(/_(bucket|sum|count)$/, '')
      return [metric, `${base}_bucket`, `${base}_count`].some((name) => asked.has(name))
    }
    expect(own.filter((metric) => !shown(metric))).toEqual([])
  })

  it('has one number for each panel, and no query without a variable for its source', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    for (const { type, targets: own = [] } of dashboard.panels) expect(own.length > 0).toBe(type !== 'row')
    expect(dashboard.templating.list.map(({ name }) => name)).toContain('datasource')
  })

  it('offers values of labels that there are', () => {
    const queries = dashboard.templating.list.filter(({ type }) => type === 'query')
    expect(queries.map(({ name }) => name)).toEqual(['instance', 'upstream'])
    for (const { definition = '' } of queries) {
      const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
      expect(unknown(`sum by (${label}) (${metric})`)).toEqual([])
    }
  })
})
