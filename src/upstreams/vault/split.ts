/** Cuts streamed text into records: the lines of NDJSON, or the elements of one JSON array, each with its line. */
import type { Piece, Splitter } from './piece.ts'
import { splitArray } from './split-array.ts'

/** Characters of one record: far above any real one, and a bound on what a file without line ends can occupy. */
const MAX_RECORD_LENGTH = 1_048_576

/** Reads UTF-8; a byte order mark is skipped. The first character that is no white space decides: `[` begins an array. */
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
    yield { ...pending, problem: `the record is longer than ${String(MAX_RECORD_LENGTH)} characters` }
    return
  }
  if (splitter === null) yield { line: 1, index: null, text: '', problem: 'the input is empty' }
  else yield* splitter.end()
}

async function* decodeText(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  // Not `fatal`: bytes that are no UTF-8 become U+FFFD, so that the record that holds them can be named.
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

function chooseSplitter(text: string): Splitter | null {
  const start = text.trimStart()
  if (start === '') return null
  return start.startsWith('[') ? splitArray() : splitLines()
}

function splitLines(): Splitter {
  let line = 1
  let rest = ''
  const pending = () => ({ line, index: null, text: rest })
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
