/** Reads deploy/compose, and copies it to where its secrets can be made. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from '../docs/pages.ts'
import { testFolder } from '../kit/folder.ts'

export const composeFolder = join(root, 'deploy/compose')

export interface Service {
  readonly image: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly user?: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly networks: readonly string[]
  readonly ports?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
  readonly stop_grace_period?: string
}

export interface Compose {
  readonly name: string
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>
  readonly volumes: Readonly<Record<string, null>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

export const readDeploy = (file: string): string => readFileSync(join(root, 'deploy', file), 'utf8')

/** With its YAML anchors and merges resolved, as compose does it. */
export const compose = parse(readDeploy('compose/compose.yaml'), { merge: true }) as Compose

export interface Secrets {
  /** The folder of the copied compose file. */
  readonly folder: string
  /** The key of the service that the script printed. */
  readonly key: string
  read(name: string): string
  /** Runs the script once more. */
  again(): { readonly status: number | null; readonly stderr: string }
}

/** Runs make-secrets.sh in a copy of the folder, which is removed when the current test ends. */
export function makeSecrets(): Secrets {
  const folder = join(testFolder().path, 'compose')
  mkdirSync(folder)
  cpSync(join(composeFolder, 'make-secrets.sh'), join(folder, 'make-secrets.sh'))
  const runScript = () => spawnSync(join(folder, 'make-secrets.sh'), [], { encoding: 'utf8' })
  const { status, stdout, stderr } = runScript()
  const [, key] = /: (tgk_\S+)\n$/.exec(stdout) ?? []
  if (status !== 0 || key === undefined) throw new Error(`make-secrets.sh failed: ${stderr}`)
  return {
    folder,
    key,
    read: (name) => readFileSync(join(folder, 'secrets', name), 'utf8'),
    again: runScript,
  }
}

/**
 * Writes the configuration as compose mounts it, with the folders of the container replaced by those of the copy, and
 * the database by another one. Returns its path.
 */
export function writeConfiguration(folder: string, database = 'postgres'): string {
  const file = join(folder, 'tokengraph.yaml')
  const text = readDeploy('compose/tokengraph.yaml')
    .replaceAll('/run/secrets/', `${join(folder, 'secrets')}/`)
    .replaceAll('/app/data', join(folder, 'data'))
    .replaceAll('0.0.0.0, port: 4000', '127.0.0.1, port: 0')
    .replaceAll('0.0.0.0, port: 9464', '127.0.0.1, port: 0')
    .replace('@postgres/', `@${database}/`)
  writeFileSync(file, text)
  return file
}
