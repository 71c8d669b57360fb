/** Reads what PromQL asks for: the metrics, the labels and the values that they are compared with. */
import { parser } from '@prometheus-io/lezer-promql'

type SyntaxNode = ReturnType<typeof parser.parse>['topNode']

export interface Asked {
  readonly metric: string
  /** The labels that are compared, and the values of `=` and `=~`; none where a variable of Grafana is the value. */
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[]
}

export interface Query {
  /** Where the text is no PromQL: what follows the fault. */
  readonly faults: readonly string[]
  readonly asked: readonly Asked[]
  /** The labels after `by` and `on`. */
  readonly grouped: readonly string[]
}

/** Reads an expression of a rule or a panel. */
export function readQuery(written: string): Query {
  // Grafana replaces its own variables before Prometheus sees the text.
  const text = written.replaceAll('$__rate_interval', '5m')
  const query = { faults: [] as string[], asked: [] as Asked[], grouped: [] as string[] }
  parser.parse(text).iterate({
    enter: ({ node, type, from }) => {
      if (type.isError) query.faults.push(text.slice(from))
      if (type.name === 'VectorSelector') query.asked.push(readSelector(node, text))
      if (type.name === 'GroupingLabels')
        query.grouped.push(...node.getChildren('LabelName').map((label) => text.slice(label.from, label.to)))
    },
  })
  return query
}

function readSelector(node: SyntaxNode, text: string): Asked {
  const of = (part: SyntaxNode | null | undefined) => (part ? text.slice(part.from, part.to) : '')
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []
  return {
    metric: of(node.getChild('Identifier')),
    matchers: matchers.map((matcher) => {
      const operator = of(matcher.getChild('MatchOp'))
      const value = of(matcher.getChild('StringLiteral')).slice(1, -1)
      const values = operator === '=~' ? value.split('|') : [value]
      const isOpen = value.startsWith('$') || operator.startsWith('!')
      return { label: of(matcher.getChild('LabelName')), values: isOpen ? [] : values }
    }),
  }
}

export interface Series {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
}

/** Reads the text format of Prometheus, as this server writes it: no value of a label has a quote or brace in it. */
export function readSeries(text: string): Series[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [metric = '', labels = ''] = line.slice(0, line.lastIndexOf(' ')).split(/[{}]/)
      const pairs = labels.split(/",|"$/).map((pair) => pair.split('="'))
      return { metric, labels: Object.fromEntries(pairs.filter((pair) => pair.length === 2)) as Series['labels'] }
    })
}

/** The labels that Prometheus adds to what it scrapes. */
const added = new Set(['instance', 'job'])

/**
 * Returns what an expression asks for and a scrape does not have. `known` are values that no series of the scrape needs
 * to have, by label: those of a closed list.
 */
export function findUnknown(
  written: string,
  series: readonly Series[],
  known: Readonly<Record<string, readonly string[]>> = {},
): string[] {
  const { faults, asked, grouped } = readQuery(written)
  const named = series.filter(({ metric }) => asked.some((one) => one.metric === metric))
  const has = (rows: readonly Series[], label: string) => added.has(label) || rows.some(({ labels }) => label in labels)
  return [
    ...faults.map((rest) => `no PromQL at: ${rest}`),
    ...asked.flatMap(({ metric, matchers }) => {
      const rows = series.filter((one) => one.metric === metric)
      if (rows.length === 0) return [`no metric ${metric}`]
      return matchers.flatMap(({ label, values }) => {
        if (!has(rows, label)) return [`${metric} has no label ${label}`]
        return values
          .filter((value) => !known[label]?.includes(value) && !rows.some(({ labels }) => labels[label] === value))
          .map((value) => `${metric} has no ${label}="${value}"`)
      })
    }),
    ...grouped.filter((label) => !has(named, label)).map((label) => `no metric of it has the label ${label}`),
  ]
}
