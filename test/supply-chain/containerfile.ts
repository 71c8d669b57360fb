/** A reader of container files, and the rules that this project's must keep: no engine runs where the tests run. */

export interface Instruction {
  readonly name: string
  readonly value: string
  /** The position of its stage. */
  readonly stage: number
}

/** One instruction for each logical line; comments and empty lines left out. */
export function parseContainerfile(text: string): readonly Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
  let stage = -1
  return lines.map((line) => {
    const [, name = '', value = ''] = /^\s*([A-Za-z]+)\s(.*)$/.exec(line) ?? []
    if (name.toUpperCase() === 'FROM') stage += 1
    return { name: name.toUpperCase(), value: value.trim(), stage }
  })
}

/** The words of an instruction in exec form; null: it is in shell form. */
export function execForm(value: string): readonly string[] | null {
  if (!value.startsWith('[')) return null
  const words: unknown = JSON.parse(value)
  return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : null
}

const known = new Set([
  ...['ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'RUN', 'STOPSIGNAL'],
  ...['USER', 'VOLUME', 'WORKDIR'],
])

/** What is wrong, as sentences; nothing for a file that keeps every rule. */
export function lintContainerfile(text: string): readonly string[] {
  const all = parseContainerfile(text)
  const last = all.filter(({ stage }) => stage === all.at(-1)?.stage)
  const of = (name: string, from = all) => from.filter((instruction) => instruction.name === name)
  const stages = of('FROM').flatMap(({ value }) => / AS (\S+)$/i.exec(value)?.[1] ?? [])
  const users = of('USER', last).map(({ value }) => value)
  const health = of('HEALTHCHECK', last)[0]?.value.replace(/^(--\S+\s+)*CMD\s+/, '') ?? ''
  const starts = [...of('ENTRYPOINT', last), ...of('CMD', last)]
  const rules: readonly (readonly [broken: boolean, sentence: string])[] = [
    [all.some(({ name }) => !known.has(name)), 'an instruction that is not on the list (ADD fetches and unpacks)'],
    [
      of('FROM').some(({ value }) => !/^[a-z/]+:\d+\.\d+\.\d+-[a-z-]+( AS [a-z]+)?$/.test(value)),
      'an image that is not pinned',
    ],
    [of('RUN').some(({ value }) => /\b(curl|wget)\b/.test(value)), 'something is fetched outside npm'],
    [
      of('RUN').some(({ value }) => /\bnpm\b/.test(value) && !/^npm ci\b.*--ignore-scripts/.test(value)),
      'npm without the lockfile, or with install scripts',
    ],
    [of('RUN', last).some(({ value }) => /\bnpm\b/.test(value)), 'the last stage installs'],
    [!of('RUN').some(({ value }) => /^npm ci --omit=dev\b/.test(value)), 'no stage with the production packages alone'],
    [
      of('COPY', last).some(
        ({ value }) => value.startsWith('--from=') && !stages.some((name) => value.startsWith(`--from=${name} `)),
      ),
      'a copy from elsewhere',
    ],
    [users.length === 0 || users.some((user) => /^(root|0)\b/.test(user)), 'the server runs as root'],
    [
      last.findIndex(({ name }) => name === 'USER') > last.findIndex(({ name }) => name === 'ENTRYPOINT'),
      'USER comes after ENTRYPOINT',
    ],
    [
      starts.length !== 2 || starts.some(({ value }) => execForm(value) === null),
      'ENTRYPOINT or CMD is missing or in shell form',
    ],
    [health === '' || execForm(health) === null, 'HEALTHCHECK is missing or in shell form'],
    [
      [...of('ENV'), ...of('ARG')].some(({ value }) => /SECRET|PASSWORD|TOKEN(?!GRAPH)|_KEY/i.test(value)),
      'a secret in the image',
    ],
  ]
  return rules.filter(([broken]) => broken).map(([, sentence]) => sentence)
}
