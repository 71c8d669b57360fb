/** Cuts the elements out of the text of one JSON array, so that a file of any length needs memory for one element. */
import type { Piece, Splitter } from './piece.ts'

/** Follows strings and brackets only: whether an element is valid JSON is for `JSON.parse` to say. */
export function splitArray(): Splitter {
  let phase: 'before' | 'inside' | 'after' | 'overrun' = 'before'
  let line = 1
  let index = 1
  let depth = 0
  let inString = false
  let isEscaped = false
  /** The line on which the element began, or null between two elements. */
  let start: number | null = null
  let pendingText = ''

  const pending = (): Piece => ({ line: start ?? line, index, text: pendingText })

  /** Whether the character ends the element before it. */
  const endsElement = (character: string): boolean => {
    if (inString) {
      inString = isEscaped || character !== '"'
      isEscaped = !isEscaped && character === '\\'
      return false
    }
    if (depth === 0 && (character === ',' || character === ']')) return true
    if (character === '"') inString = true
    if (character === '{' || character === '[') depth += 1
    if (character === '}' || character === ']') depth = Math.max(0, depth - 1)
    if (!isBlank(character)) start ??= line
    return false
  }

  const cut = (text: string, end: string): Piece[] => {
    pendingText += text
    const isEmptyArray = end === ']' && index === 1 && start === null
    const pieces = isEmptyArray ? [] : [pending()]
    pendingText = ''
    start = null
    index += 1
    if (end === ']') phase = 'after'
    return pieces
  }

  const pushOutside = (character: string): Piece[] => {
    if (isBlank(character) || phase === 'overrun') return []
    const isStart = phase === 'before'
    phase = isStart ? 'inside' : 'overrun'
    return isStart ? [] : [{ line, index: null, text: '', problem: 'there is text after the end of the array' }]
  }

  return {
    push(text) {
      const pieces: Piece[] = []
      let from = 0
      for (let at = 0; at < text.length; at += 1) {
        const character = text.charAt(at)
        if (phase !== 'inside') {
          pieces.push(...pushOutside(character))
          from = at + 1
        } else if (endsElement(character)) {
          pieces.push(...cut(text.slice(from, at), character))
          from = at + 1
        }
        if (character === '\n') line += 1
      }
      pendingText += text.slice(from)
      return pieces
    },
    pending,
    end: () => (phase === 'inside' ? [{ ...pending(), text: '', problem: 'the array does not end' }] : []),
  }
}

function isBlank(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\r' || character === '\t'
}
