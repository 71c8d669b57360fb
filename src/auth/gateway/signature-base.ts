/** The text that an HTTP Message Signature signs (RFC 9421 section 2.5). */
import { serializeInnerList, serializeItem } from 'structured-headers'
import type { InnerList } from 'structured-headers'

/**
 * `input` is the member of Signature-Input, `valueOf` gives the value of a component by its name. null where a
 * component is named twice, has parameters (none is supported), has no value, or has one that would break the lines.
 */
export function buildSignatureBase(input: InnerList, valueOf: (component: string) => string | null): string | null {
  const lines: string[] = []
  const seen = new Set<string>()
  for (const [name, parameters] of input[0]) {
    if (typeof name !== 'string' || parameters.size > 0 || seen.has(name)) return null
    seen.add(name)
    const value = valueOf(name)
    if (value === null || /[\r\n]/.test(value)) return null
    lines.push(`${serializeItem(name)}: ${value}`)
  }
  return [...lines, `"@signature-params": ${serializeInnerList(input)}`].join('\n')
}
