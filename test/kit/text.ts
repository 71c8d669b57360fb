/** What texts are made of, for property tests. */
import fc from 'fast-check'

const SURROGATES = 0x800
const FIRST_SURROGATE = 0xd800

/**
 * Every code point that is no half of a surrogate pair, as the unit `'binary'` of fast-check, which makes a map of all
 * of them first: more than half a second.
 */
export const codePoint = fc.integer({ min: 0, max: 0x10ffff - SURROGATES }).map(
  (number) => String.fromCodePoint(number < FIRST_SURROGATE ? number : number + SURROGATES),
  (text) => {
    const code = typeof text === 'string' ? (text.codePointAt(0) ?? 0) : 0
    if (String.fromCodePoint(code) !== text) throw new TypeError('no code point')
    return code < FIRST_SURROGATE ? code : code - SURROGATES
  },
)
