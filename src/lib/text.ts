/** Bounds text that a caller chose, before anything looks at it (docs/promises.md S11). */

/** Returns at most `max` UTF-16 code units; a text that is cut ends with `…`. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`
}
