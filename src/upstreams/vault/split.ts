/**
 * Cuts the text of an import into records, chunk by chunk: the lines of NDJSON, or the elements of one JSON array.
 *
 * `JSON.parse` of the whole would not do: a problem is reported with the line and the number of its record, and one
 * malformed record must not hide the others. The text is read as a stream: a file may be larger than the memory.
 */

/** The text of one record. */
export interface Piece {
  /** The line on which the record begins, counted from 1. */
  readonly line: number
  /** The position in the array, counted from 1; null for NDJSON. */
  readonly index: number | null
  readonly text: string
  /** Why the record could not be cut out; null: it was. */
  readonly problem: string | null
}

interface Splitter {
  /** Returns the records that this chunk completes. */
  push(text: string): readonly Piece[]
  /** The record that has begun and not ended; its text is `''` between two records. */
  pending(): Piece
  /** Flushes the last record at the end of the input. */
  end(): readonly Piece[]
}

/** Characters of one record: far above any real one, and a bound on what a file without line ends can occupy. */
const MAX_RECORD_LENGTH = 1_048_576

/** Reads UTF-8; a byte order mark is skipped. The first character that is not white space decides: `[` begins an array. */
export async function* splitRecords(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Piece> {
  let splitter: Splitter | null = null
  let leading = ''
  for await (const text of decodeText(input)) {
    leading = splitter === null ? leading + text : text
    splitter ??= chooseSplitter(leading)
    if (splitter === null) continue
    yield* splitter.push(leading)
    const pending = splitter.pending()
    if (pending.text.length <= MAX_RECORD_LENGTH) continue
    yield { ...pending, problem: `the record is longer than ${MAX_RECORD_LENGTH} characters` }
    return
  }
  if (splitter === null) yield { line: 1, index: null, text: '', problem: 'the input is empty' }
  else yield* splitter.end()
}

async function* decodeText(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  // Not `fatal`: bytes that are not UTF-8 become U+FFFD, so that the record that holds them can be named.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let isFirst = true
  for await (const chunk of input) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    if (text === '') continue
    yield isFirst ? text.replace(/^\ufeff/, '') : text
    isFirst = false
  }
  yield decoder.decode()
}

/** null: only white space so far. */
function chooseSplitter(text: string): Splitter | null {
  const start = text.trimStart()
  if (start === '') return null
  return start.startsWith('[') ? splitArray() : splitLines()
}

function splitLines(): Splitter {
  let line = 1
  let rest = ''
  const pending = (): Piece => ({ line, index: null, text: rest, problem: null })
  return {
    push(text) {
      const pieces: Piece[] = []
      const lines = (rest + text).split('\n')
      for (rest of lines.slice(0, -1)) {
        if (rest.trim() !== '') pieces.push(pending())
        line += 1
      }
      rest = lines.at(-1) ?? ''
      return pieces
    },
    pending,
    end: () => (rest.trim() === '' ? [] : [pending()]),
  }
}

/** Follows only strings and brackets: whether an element is valid JSON is for `JSON.parse` to say. */
function splitArray(): Splitter {
  let phase: 'before' | 'inside' | 'after' | 'overrun' = 'before'
  let line = 1
  let index = 1
  let depth = 0
  let inString = false
  let isEscaped = false
  /** The line on which the element began; null between two elements. */
  let start: number | null = null
  let pendingText = ''

  const pending = (): Piece => ({ line: start ?? line, index, text: pendingText, problem: null })

  /** Whether the character ends the element before it. */
  function endsElement(character: string): boolean {
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

  /** The element that `end` ends; none for `[]`. */
  function cut(text: string, end: string): Piece[] {
    pendingText += text
    const isEmptyArray = end === ']' && index === 1 && start === null
    const pieces = isEmptyArray ? [] : [pending()]
    pendingText = ''
    start = null
    index += 1
    if (end === ']') phase = 'after'
    return pieces
  }

  function pushOutside(character: string): Piece[] {
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
