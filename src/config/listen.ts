/** Where the server listens: command line, then file, then environment, then default. */
import { z } from 'zod'
import { isLoopback } from '../lib/url.ts'
import type { Checker } from './checks.ts'
import type { Mode } from '../mode.ts'
import type { Problem } from './problems.ts'
import type { Variables } from './environment.ts'
import { parsePart } from './parse.ts'
import type { Parsed } from './parse.ts'

export interface Listen {
  readonly host: string
  /** 0: any free port, on the command line alone. */
  readonly port: number
}

const DEFAULT_PORT = 4000

/** Development mode shows GraphiQL and a key on the terminal: it must not be reachable from other machines. */
export function checkHost({ at, mode, report }: Checker, variables: Variables): readonly Problem[] {
  const inFile = at(['listen', 'host'])
  const host = inFile ?? variables.host
  if (mode !== 'development' || typeof host !== 'string' || host === '' || isLoopback(host) || host === '::1') return []
  const message = 'development mode listens on loopback addresses alone; expected 127.0.0.1'
  if (inFile === undefined)
    return [
      { where: 'environment', path: 'TOKENGRAPH_HOST', line: null, column: null, message: `listen.host: ${message}` },
    ]
  report(['listen', 'host'], message)
  return []
}

export function parsePortOverride(port: number | undefined): Parsed<number | undefined> {
  const place = { where: 'command line', path: '--port', line: null, column: null }
  const source = {
    value: port,
    place: () => place,
    isReported: () => false,
    isVariable: () => false,
    variableValues: [],
  }
  return parsePart(z.int().min(0).max(65_535).optional(), source)
}

/** `file` is the part `listen` of the file. */
export function resolveListen(
  mode: Mode,
  file: { readonly host?: string | undefined; readonly port?: number | undefined },
  variables: Variables,
  portOverride: number | undefined,
): Listen {
  return {
    host: file.host ?? variables.host ?? (mode === 'production' ? '0.0.0.0' : '127.0.0.1'),
    port: portOverride ?? file.port ?? variables.port ?? DEFAULT_PORT,
  }
}
