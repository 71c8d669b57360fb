/**
 * The text of an answer while it is written. Texts that are kept with a row stand in it as they are: to add a hundred
 * kilobytes of them to one string would copy them several times.
 */

export interface Text {
  /** In their order, before `end`. A text within is written later, when its promise is settled. */
  readonly parts: (string | Text)[]
  /** What was written last. */
  end: string
}

export function newText(): Text {
  return { parts: [], end: '' }
}

/** Writes a long string, or a text that is written later, at the end. */
export function append(text: Text, part: string | Text): void {
  if (text.end !== '') text.parts.push(text.end)
  text.parts.push(part)
  text.end = ''
}

/** Forgets what was written since the text had so many parts and this end. */
export function cut(text: Text, parts: number, end: string): void {
  text.parts.length = parts
  text.end = end
}

/** Takes the same into a text of its own, which stands in its place and may still change. */
export function detach(text: Text, partsBefore: number, endBefore: string): Text {
  const parts = text.parts.splice(partsBefore)
  const [first] = parts
  let { end } = text
  // What was at the end then is the beginning of what was written since.
  if (typeof first === 'string') parts[0] = first.slice(endBefore.length)
  else if (first === undefined) end = end.slice(endBefore.length)
  text.end = endBefore
  const own = { parts, end }
  append(text, own)
  return own
}

/** What was written, in its order. */
export function piecesOf({ parts, end }: Text, pieces: string[] = []): readonly string[] {
  for (const part of parts)
    if (typeof part === 'string') pieces.push(part)
    else piecesOf(part, pieces)
  pieces.push(end)
  return pieces
}

/** Characters from which bytes are sent with less work than a string. */
const MIN_BYTES = 16_384

/** One string of the pieces, or its bytes in UTF-8. */
export function joinPieces(pieces: readonly string[], isAscii: boolean): string | Buffer<ArrayBuffer> {
  const joined = pieces.join('')
  return joined.length < MIN_BYTES ? joined : Buffer.from(joined, isAscii ? 'latin1' : 'utf8')
}

/** Fast for what is short. */
export function isAsciiText(text: string): boolean {
  for (let n = 0; n < text.length; n++) if (text.charCodeAt(n) > 0x7f) return false
  return true
}
