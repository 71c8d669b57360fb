/**
 * The accounts of a file, with the line of each: 32 bytes an account at most, where a Map of their names takes ten times
 * as much. A hash of 96 bits stands for a name: in a file of a million accounts two names share one by a chance of 1 in 10^17.
 */
import { hash } from 'node:crypto'

export interface SeenAccounts {
  /** Remembers the account. Returns the line on which it stood before; null: it is new. */
  add(name: string, line: number): number | null
  /** Gives its memory back at once. */
  forget(): void
}

/** 32-bit words of an entry: three of the hash, and the line, which is 0 in an empty entry. */
const WORDS = 4
const FIRST_CAPACITY = 1024

/** Open addressing with linear probing; at most half of the entries are taken. */
export function createSeenAccounts(): SeenAccounts {
  let capacity = FIRST_CAPACITY
  let table = new Uint32Array(capacity * WORDS)
  let taken = 0
  const words = new Uint32Array(WORDS)

  /** The place of the hash at `from` in `words`: its own, or an empty one. */
  function find(words: Uint32Array, from: number): number {
    let place = (words[from] ?? 0) & (capacity - 1)
    for (;;) {
      const at = place * WORDS
      if (table[at + 3] === 0) return at
      if (table[at] === words[from] && table[at + 1] === words[from + 1] && table[at + 2] === words[from + 2]) return at
      place = (place + 1) & (capacity - 1)
    }
  }

  function grow(): void {
    const before = table
    capacity *= 2
    table = new Uint32Array(capacity * WORDS)
    for (let from = 0; from < before.length; from += WORDS)
      if (before[from + 3] !== 0) table.set(before.subarray(from, from + WORDS), find(before, from))
    free(before)
  }

  /** The garbage collector would keep it for a while: together, earlier tables are as large as the present one. */
  function free(words: Uint32Array<ArrayBuffer>): void {
    words.buffer.transfer(0)
  }

  return {
    add(name, line) {
      const digest = Buffer.from(hash('sha256', name, 'hex'), 'hex')
      for (let word = 0; word < 3; word++) words[word] = digest.readUInt32LE(4 * word)
      words[3] = line
      const at = find(words, 0)
      const known = table[at + 3] ?? 0
      if (known !== 0) return known
      table.set(words, at)
      taken += 1
      if (taken * 2 > capacity) grow()
      return null
    },
    forget() {
      free(table)
    },
  }
}
