/**
 * What was made of an operation's text, for the next request with the same text. Bounded by characters as well as by
 * entries: a thousand texts as large as a body can be would fill the memory for whoever sends them.
 */
export interface TextCache<T> {
  get(text: string): T | undefined
  set(text: string, value: T): void
}

interface CacheLimits {
  readonly entries: number
  /** Longer texts are not kept. Operations of clients are shorter by far. */
  readonly characters: number
}

/** Forgets the entry that has not been asked for longest. */
export function createTextCache<T>({ entries, characters }: CacheLimits): TextCache<T> {
  const values = new Map<string, T>()
  return {
    get(text) {
      const value = values.get(text)
      if (value !== undefined) keep(text, value)
      return value
    },
    set(text, value) {
      if (text.length <= characters) keep(text, value)
    },
  }

  /** The order of the map is the order of use. */
  function keep(text: string, value: T): void {
    values.delete(text)
    values.set(text, value)
    for (const oldest of values.keys()) {
      if (values.size <= entries) return
      values.delete(oldest)
    }
  }
}
