/** Bounds text that a caller chose, before anything looks at it (docs/promises.md S11). */

/** Texts that are remembered at a time, and characters of one. */
const REMEMBERED = { texts: 64, characters: 256 }

/**
 * The same pure function, which remembers its results for the last short texts: clients send the same headers with every
 * request. What callers choose fills a bounded place.
 */
export function remembering<T extends object | string | boolean | null>(
  read: (text: string) => T,
): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const result = read(text)
    if (text.length > REMEMBERED.characters) return result
    if (known.size >= REMEMBERED.texts) known.clear()
    known.set(text, result)
    return result
  }
}

/** Returns at most `max` UTF-16 code units; a text that is cut ends with `…`. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}
