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

/** Wherever it begins in a longer text, three bytes become four characters: the ones that no neighbour changes. */
function base64Forms(canary: string): Readonly<Record<string, string>> {
  const forms: Record<string, string> = {}
  for (const offset of [0, 1, 2]) {
    const bytes = Buffer.from(canary).subarray((3 - offset) % 3)
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3))
    forms[`base64 at offset ${String(offset)}`] = whole.toString('base64')
    forms[`base64url at offset ${String(offset)}`] = whole.toString('base64url')
  }
  return forms
}

/** Every leak of these canaries; `where` names the text. */
export function findLeaks(
  where: string,
  text: string,
  canaries: readonly string[],
  options: { readonly parts: boolean } = { parts: true },
): readonly Leak[] {
  return canaries.flatMap((canary) => {
    const found = Object.entries(formsOf(canary, options)).find(([, form]) => text.includes(form))
    return found === undefined ? [] : [{ where, canary, form: found[0] }]
  })
}

/** The same for every file below a folder, whatever is in it, but for those that nothing of ours wrote. */
export function findLeaksBelow(
  folder: string,
  canaries: readonly string[],
  options?: { readonly parts: boolean },
  isForeign: (file: string) => boolean = () => false,
): readonly Leak[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !isForeign(file))
    .flatMap((file) => findLeaks(file, readFileSync(file, 'latin1'), canaries, options))
}

function reverse(text: string): string {
  return Array.from(text).reverse().join('')
}
