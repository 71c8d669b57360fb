/** "Did you mean": the known word that a mistyped one is closest to. */
import { closest, distance } from 'fastest-levenshtein'

const MAX_DISTANCE = 2

/** `; did you mean "secret_key"?`, or an empty string. Shows a known word, never the one that was typed. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const match = closestWord(typed, known)
  return match === null ? '' : `; did you mean "${match}"?`
}

/** The known word at most two edits away; null where none is. */
export function closestWord(typed: string, known: readonly string[]): string | null {
  if (known.length === 0 || typed.length > 64) return null
  const lower = typed.toLowerCase()
  const match = closest(
    lower,
    known.map((word) => word.toLowerCase()),
  )
  const edits = distance(lower, match)
  // In short words two edits make another word, unless the first letter stays: inof means info, NOPE is not HOME.
  const most = match.startsWith(lower.charAt(0)) ? match.length : match.length - 1
  if (edits > MAX_DISTANCE || edits * 2 > most) return null
  return known.find((word) => word.toLowerCase() === match) ?? null
}
