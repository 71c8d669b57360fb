/**
 * Parses a manifest of registered documents, in either of the two formats that tools write: a map of ids to documents
 * (GraphQL Code Generator's client preset, gql.tada, Relay), and Apollo's persisted query manifest. Pure.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { findRepeatedMember, parseJson } from '../../lib/json.ts'

export interface Entry {
  /** As `canonicalId` makes it. */
  readonly id: string
  readonly text: string
}

export interface Mistake {
  /** The id of the document; empty for the whole file. */
  readonly of: string
  /** Contains nothing of the file. */
  readonly message: string
}

export interface Manifest {
  readonly entries: readonly Entry[]
  readonly mistakes: readonly Mistake[]
}

const documentMap = z.record(z.string(), z.string())
const apolloManifest = z.looseObject({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.looseObject({ id: z.string(), body: z.string() })),
})

export function readManifest(json: string): Manifest {
  const value = parseJson(json)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return broken('not a manifest: expected a JSON object of ids and documents, or an Apollo persisted query manifest')
  if ('operations' in value && typeof value.operations !== 'string') return readApollo(value)
  const documents = documentMap.safeParse(value)
  if (!documents.success) return broken('not a manifest: expected every member to be the text of a document, by its id')
  const repeated = findRepeatedMember(json)
  if (repeated !== null) return { entries: [], mistakes: [repeats(repeated)] }
  return check(Object.entries(documents.data).map(([id, text]) => ({ id, text })))
}

function readApollo(value: object): Manifest {
  const manifest = apolloManifest.safeParse(value)
  if (!manifest.success)
    return broken(
      'not an Apollo persisted query manifest of version 1: expected "format", "version", and "operations" that each have an "id" and a "body"',
    )
  return check(manifest.data.operations.map(({ id, body }) => ({ id, text: body })))
}

function check(entries: readonly Entry[]): Manifest {
  const known = new Map<string, string>()
  const mistakes: Mistake[] = []
  for (const { id: written, text } of entries) {
    const id = canonicalId(written)
    if (known.has(id)) mistakes.push(repeats(written))
    else if (!isId(written)) mistakes.push({ of: idText(written), message: 'not an id of a document' })
    else if (!isHashOf(id, text)) mistakes.push({ of: idText(written), message: wrongHash(id) })
    known.set(id, text)
  }
  return { entries: [...known].map(([id, text]) => ({ id, text })), mistakes }
}

/** Strips the prefix of GraphQL over HTTP, appendix A: `sha256:` and 64 digits mean the same as the digits. */
export function canonicalId(id: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(id) ? id.slice('sha256:'.length) : id
}

/** The characters of the appendix: a custom id without a colon, or with a prefix of the application, `x-…:`. */
function isId(id: string): boolean {
  return /^(sha256:[0-9a-f]{64}|x-[\w.~-]+:[\w.~-]+|[\w.~-]+)$/.test(id)
}

/** An id with the length of a hash has to be the hash of its document. */
const algorithms: Readonly<Record<number, string>> = { 40: 'sha1', 64: 'sha256' }

function isHashOf(id: string, text: string): boolean {
  const algorithm = /^[0-9a-fA-F]+$/.test(id) ? algorithms[id.length] : undefined
  return algorithm === undefined || hash(algorithm, text) === id
}

function wrongHash(id: string): string {
  return `the id is not the ${id.length === 64 ? 'SHA-256' : 'SHA-1'} of its document, in lower-case hexadecimal`
}

/** Shows an id only if it looks like one: a secret may have been pasted in its place. */
export function idText(id: string): string {
  return /^[\w.:~-]{1,80}$/.test(id) ? id : '…'
}

function repeats(id: string): Mistake {
  return { of: idText(id), message: 'the id stands twice' }
}

function broken(message: string): Manifest {
  return { entries: [], mistakes: [{ of: '', message }] }
}
