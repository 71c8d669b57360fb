/** `tokengraph init`: writes a configuration to start from, and a file of variables with keys that it makes. */
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { newServiceKey } from '../auth/service-keys.ts'
import { ConfigError, loadConfig } from '../config/load.ts'
import { describeConfig } from '../config/reference.ts'
import { whyNot } from '../lib/files.ts'
import { didYouMean } from '../lib/issues.ts'
import { platforms } from '../upstreams/registry.ts'
import type { PlatformName } from '../upstreams/registry.ts'
import { UnableError, UsageError } from './terminal.ts'
import type { Output } from './terminal.ts'

export interface InitOptions {
  /** Where the configuration is written. */
  readonly file: string
  /** What holds the tokens. */
  readonly platform: string
  /** The id of the service that may read them. */
  readonly service: string
}

/** A variable of the file beside the configuration; an empty value is the operator's to fill in. */
interface Variable {
  readonly name: string
  readonly value: string
}

/**
 * Writes both files, which must not be there yet, and says what is left to do. Returns the exit code: 0, or 1 where nothing
 * was written. Throws `UsageError` for an unknown platform and for an id of a service that is not valid, and
 * `UnableError` where the folder takes no file.
 */
export function initialize({ file, platform, service }: InitOptions, { out, err }: Output): 0 | 1 {
  const variablesFile = join(dirname(file), 'tokengraph.env')
  if (!Object.hasOwn(platforms, platform)) {
    const known = Object.keys(platforms)
    throw new UsageError(
      `--platform: there is no such platform${didYouMean(platform, known)}; there is: ${known.join(', ')}.`,
    )
  }
  const { key, key_sha256: digest } = newServiceKey()
  const upstream = describeUpstream(platform as PlatformName)
  const variables = [...upstream.variables, { name: 'TOKENGRAPH_AUDIT_KEY', value: newSecret() }]
  const text = configurationOf({ platform, service, digest, lines: upstream.lines })
  const missing = variables.filter(({ value }) => value === '').map(({ name }) => name)
  check(text, variables)
  const there = [file, variablesFile].find((path) => existsSync(path))
  if (there !== undefined) {
    err.write(`${there} is there already, and nothing was written. Name another file, or remove it first.\n`)
    return 1
  }
  writeNew(variablesFile, variablesText(variables), 0o600)
  try {
    writeNew(file, text, 0o644)
  } catch (error) {
    rmSync(variablesFile, { force: true })
    throw error
  }
  out.write(`${file}: the configuration. ${variablesFile}: its keys, which are for nobody else.

The key of ${service}, shown this once; it is presented as "Authorization: Bearer <key>":

  ${key}

${missing.length === 0 ? '' : `Fill in first, in ${variablesFile}: ${missing.join(', ')}.\n\n`}Then start the server:

  tokengraph serve --config ${file} --env-file ${variablesFile}
`)
  return 0
}

/** Throws `UnableError`. */
function writeNew(path: string, text: string, mode: number): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode })
  } catch (cause) {
    const folder = dirname(path)
    const reason = existsSync(folder) ? whyNot(cause) : `there is no folder ${folder}; make it first`
    throw new UnableError(`${path} cannot be written: ${reason ?? 'unknown error'}. Nothing was written.`, { cause })
  }
}

const newSecret = (): string => randomBytes(32).toString('base64url')

/** The keys of the platform that have to be there; secrets and addresses are variables. */
function describeUpstream(platform: PlatformName): {
  readonly lines: readonly string[]
  readonly variables: readonly Variable[]
} {
  if (platform === 'vault')
    return {
      lines: [
        // Not that of development mode, which has a key of its own and may be in the same folder.
        'path: data/vault.sqlite # or database_url, for PostgreSQL',
        'keys: [{ id: k1, secret: "${TOKENGRAPH_VAULT_KEY}" }] # encrypts what is stored; keep a copy elsewhere',
      ],
      variables: [{ name: 'TOKENGRAPH_VAULT_KEY', value: newSecret() }],
    }
  const prefix = 'upstreams.<name>.'
  const required = describeConfig({ [platform]: platforms[platform] }).filter(
    ({ section, key, default: stated }) =>
      section === platform && stated === 'required' && key.startsWith(prefix) && !/[.[]/.test(key.slice(prefix.length)),
  )
  const names = required.map(({ key }) => key.slice(prefix.length))
  const variableOf = (name: string): string => `${platform}_${name}`.replaceAll('-', '_').toUpperCase()
  return {
    lines: required.map(
      ({ description }, n) => `${names[n] ?? ''}: "\${${variableOf(names[n] ?? '')}}" # ${description}`,
    ),
    variables: names.map((name) => ({ name: variableOf(name), value: '' })),
  }
}

interface Parts {
  readonly platform: string
  readonly service: string
  readonly digest: string
  readonly lines: readonly string[]
}

function configurationOf({ platform, service, digest, lines }: Parts): string {
  return `# yaml-language-server: $schema=https://unpkg.com/tokengraph/tokengraph.schema.json
# \${NAME} is a variable of the environment; docs/configuration.md has every key.

upstreams:
  ${platform}:
    platform: ${platform}
    ${lines.join('\n    ')}

auth:
  services:
    - id: ${service}
      key_sha256: ${digest}
      grants:
        # Narrow this to the providers, users and fields that the service needs.
        - { providers: ['*'], users: ['*'], fields: [token] }

audit:
  sink: file
  path: data/audit.ndjson
  key: '\${TOKENGRAPH_AUDIT_KEY}'
`
}

function variablesText(variables: readonly Variable[]): string {
  return variables.map(({ name, value }) => `${name}=${value}\n`).join('')
}

/** Throws `UsageError` for an argument that makes a mistake; what the operator fills in later cannot be checked yet. */
function check(text: string, variables: readonly Variable[]): void {
  const env = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
  try {
    loadConfig({ text, env })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const [own] = error.problems.filter(({ path }) => !path.startsWith('upstreams.'))
    if (own !== undefined) throw new UsageError(`--service: ${own.message}`)
  }
}
