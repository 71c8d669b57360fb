/** Looks for secrets in what was written, in every form in which a program might have written them (docs/promises.md S7). */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Leak {
  readonly where: string
  readonly canary: string
  readonly form: string
}

/** A value that is nowhere else, also not in part: its first and last eight characters are searched for too. */
export function makeCanary(): string {
  // Letters alone, so that it may stand wherever a token, a key, a word or a name may.
  return Array.from(randomBytes(32), (byte) => String.fromCharCode(97 + (byte % 26))).join('')
}

/** By name, the texts that give the canary away. `parts`: the canary is random, so that a part of it does too. */
function formsOf(canary: string, { parts }: { readonly parts: boolean }): Readonly<Record<string, string>> {
  const bytes = Buffer.from(canary)
  const hex = bytes.toString('hex')
  const units = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'))
  return {
    raw: canary,
    reversed: reverse(canary),
    hex,
    'upper-case hex': hex.toUpperCase(),
    'bytes in hex': units.join(' '),
    'URL-encoded': units.map((unit) => `%${unit}`).join(''),
    'upper-case URL-encoded': units.map((unit) => `%${unit.toUpperCase()}`).join(''),
    'JSON-escaped': units.map((unit) => `\\u00${unit}`).join(''),
    'bytes in decimal': [...bytes].join(','),
    'UTF-16': Buffer.from(canary, 'utf16le').toString('latin1'),
    ...base64Forms(canary),
    ...(parts && {
      'its first eight characters': canary.slice(0, 8),
      'its last eight characters': canary.slice(-8),
      'its first eight characters, reversed': reverse(canary.slice(0, 8)),
      'its last eight characters, reversed': reverse(canary.slice(-8)),
    }),
  }
}

/**
 * Wherever it begins in a longer text, three bytes become four characters: the ones that no neighbour changes. All of them:
 * four would be found by chance in a hundred megabytes of ciphertext.
 */
function base64Forms(canary: string): Readonly<Record<string, string>> {
  const forms: Record<string, string> = {}
  for (const offset of [0, 1, 2]) {
    const bytes = Buffer.from(canary).subarray((3 - offset) % 3)
    const characters = Math.floor((bytes.length * 8) / 6)
    forms[`base64 at offset ${String(offset)}`] = bytes.toString('base64').slice(0, characters)
    forms[`base64url at offset ${String(offset)}`] = bytes.toString('base64url').slice(0, characters)
  }
  return forms
}

/** Every leak of these canaries in a text or in bytes; `where` names it. */
export function findLeaks(
  where: string,
  content: string | Buffer,
  canaries: readonly string[],
  options: { readonly parts: boolean } = { parts: true },
): readonly Leak[] {
  return searchFor(canaries, options)(where, content)
}

/** The same for every file below a folder, whatever is in it, except those that the product did not write. */
export function findLeaksBelow(
  folder: string,
  canaries: readonly string[],
  options: { readonly parts: boolean } = { parts: true },
  isForeign: (file: string) => boolean = () => false,
): readonly Leak[] {
  const search = searchFor(canaries, options)
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !isForeign(file))
    .flatMap((file) => search(file, readFileSync(file)))
}

const START_BYTES = 4

interface Pattern {
  readonly canary: string
  readonly form: string
  readonly bytes: Buffer
}

type Search = (where: string, content: string | Buffer) => readonly Leak[]

/**
 * Searches for every form of every canary in one pass: hundreds of patterns, so that a pass for each would read the
 * content hundreds of times. The four bytes at each position select the few patterns that may begin there.
 */
function searchFor(canaries: readonly string[], options: { readonly parts: boolean }): Search {
  const patterns: Pattern[] = canaries.flatMap((canary) =>
    Object.entries(formsOf(canary, options)).map(([form, text]) => ({
      canary,
      form,
      bytes: Buffer.from(text, 'latin1'),
    })),
  )
  const byStart = new Map<number, Pattern[]>()
  /** 1 where something may begin with four bytes of this hash. */
  const starts = new Uint8Array(0x10000)
  for (const pattern of patterns) {
    const start = pattern.bytes.readInt32BE()
    byStart.set(start, [...(byStart.get(start) ?? []), pattern])
    starts[hashOf(start)] = 1
  }

  return (where, content) => {
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content
    const found = new Set<Pattern>()
    let start = 0
    for (let next = 0; next < bytes.length; next++) {
      start = (start << 8) | bytes[next]!
      if (starts[hashOf(start)] === 0) continue
      for (const pattern of byStart.get(start) ?? [])
        if (isAt(bytes, next - START_BYTES + 1, pattern.bytes)) found.add(pattern)
    }
    // In the order of the forms: where a whole canary is found, its parts need no mention.
    return canaries.flatMap((canary) => {
      const first = patterns.find((pattern) => pattern.canary === canary && found.has(pattern))
      return first === undefined ? [] : [{ where, canary, form: first.form }]
    })
  }
}

/** 16 bits of 32 that are mixed (Fibonacci hashing). */
function hashOf(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> 16
}

function isAt(bytes: Buffer, position: number, pattern: Buffer): boolean {
  for (let n = 0; n < pattern.length; n++) if (bytes[position + n] !== pattern[n]) return false
  return true
}

function reverse(text: string): string {
  return Array.from(text).reverse().join('')
}
