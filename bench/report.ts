/** The result of `npm run bench` as it is kept in `bench/results/latest.json`, and the tables that are made from it. */
import { readFileSync } from 'node:fs'
import type { Round } from './interleave.ts'

/** Figures of one operation; the ratios are medians over rounds, of requests per second. */
export interface Figures extends Round {
  /** Times the base of the section. */
  readonly ratio: number
  /** Times the raw server; null where the section has none. */
  readonly rawRatio: number | null
}

export interface Row {
  readonly name: string
  readonly isTokengraph: boolean
  readonly one: Figures | null
  readonly many: Figures | null
  /** Resident memory in megabytes, before the load and after it. */
  readonly idle: number
  readonly loaded: number
}

export interface KeysRow extends Round {
  readonly keys: number
}

export interface StartRow {
  readonly command: string
  /** Milliseconds from the command to the first answer, median. */
  readonly ms: number
}

/** What all of one section has in common. */
export interface Section<R> {
  /** ISO 8601. */
  readonly date: string
  readonly machine: string
  /** Processes that wanted a core of it in the minute before; above its cores the figures are rough. */
  readonly loadBefore: number
  /** `npm run bench` with its arguments. */
  readonly command: string
  readonly rounds: number
  /** Seconds of each load. */
  readonly seconds: number
  readonly rows: readonly R[]
}

export interface Result {
  readonly servers: Section<Row>
  readonly guards: Section<Row>
  readonly keys: Section<KeysRow>
  readonly start: Section<StartRow>
}

export const resultFile = new URL('results/latest.json', import.meta.url)

export function readResult(): Result {
  return JSON.parse(readFileSync(resultFile, 'utf8')) as Result
}

const count = (value: number): string => Math.round(value).toLocaleString('en')
const ms = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0))
const times = (value: number | null | undefined): string => (value == null ? '' : value.toFixed(2))

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  const align = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return line(head) + line(align) + rows.map(line).join('')
}

function about({ date, machine, loadBefore, command, rounds, seconds }: Section<unknown>): string {
  const how = seconds === 0 ? `median of ${rounds}` : `medians of ${rounds} rounds of ${seconds} s`
  return `\nMeasured ${date.slice(0, 10)} with \`${command}\` on ${machine}; ${how}. Load average before: ${loadBefore.toFixed(1)}.\n`
}

const bold = ({ name, isTokengraph }: Row): string => (isTokengraph ? `**${name}**` : name)

const absolute = (figures: Figures | null): string[] =>
  figures === null ? ['', '', '', ''] : [count(figures.rate), ms(figures.p50), ms(figures.p99), count(figures.cpuUs)]

/** Ratios first, absolute figures second. */
function serverTable(section: Section<Row>): string {
  return (
    table(
      ['times the requests/s of', 'one: Mercurius+JIT', 'raw', 'many: Mercurius+JIT', 'raw'],
      section.rows.map((row) => [
        bold(row),
        ...[row.one, row.many].flatMap((figures) => [times(figures?.ratio), times(figures?.rawRatio)]),
      ]),
    ) +
    '\n' +
    absoluteTable(section) +
    about(section)
  )
}

function guardTable(section: Section<Row>): string {
  const [base] = section.rows
  return (
    table(
      [`times the requests/s of: ${base?.name ?? ''}`, 'one', 'many'],
      section.rows.map((row) => [row.name, times(row.one?.ratio), times(row.many?.ratio)]),
    ) +
    '\n' +
    absoluteTable(section) +
    about(section)
  )
}

function absoluteTable({ rows }: Section<Row>): string {
  const loads = ['one', 'many'].flatMap((load) => [`${load}: requests/s`, 'p50 ms', 'p99 ms', 'CPU µs'])
  return table(
    ['', ...loads, 'MB idle', 'MB after load'],
    rows.map((row) => [bold(row), ...absolute(row.one), ...absolute(row.many), String(row.idle), String(row.loaded)]),
  )
}

/** Microseconds of processor time for each key. */
const perKey = ({ cpuUs, keys }: KeysRow): number => cpuUs / keys

function keysTable(section: Section<KeysRow>): string {
  const hundred = section.rows.find(({ keys }) => keys === 100)
  const base = hundred === undefined ? Number.NaN : perKey(hundred)
  return (
    table(
      [
        'keys of an operation',
        'cost of a key, times that of 100',
        'CPU µs for each key',
        'requests/s',
        'p50 ms',
        'p99 ms',
      ],
      section.rows.map((row) => [
        count(row.keys),
        times(perKey(row) / base),
        perKey(row).toFixed(1),
        row.rate < 10 ? row.rate.toFixed(1) : count(row.rate),
        ms(row.p50),
        ms(row.p99),
      ]),
    ) + about(section)
  )
}

function startTable(section: Section<StartRow>): string {
  return (
    table(
      ['command', 'ms to the first answer'],
      section.rows.map(({ command, ms: took }) => [`\`${command}\``, count(took)]),
    ) + about(section)
  )
}

/** The generated parts of docs/performance.md, by name. */
export const performanceParts: Readonly<Record<string, () => string>> = {
  'performance servers': () => serverTable(readResult().servers),
  'performance guards': () => guardTable(readResult().guards),
  'performance keys': () => keysTable(readResult().keys),
  'performance start': () => startTable(readResult().start),
}
