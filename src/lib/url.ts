/** URLs in the configuration: https, or plain http to a loopback address. */
import { z } from 'zod'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Whether a hostname, as `URL.hostname` prints it, is a loopback address. */
export function isLoopback(hostname: string): boolean {
  return loopback.test(hostname)
}

/** What of the rule JSON Schema can say, for editors. */
const securePattern = String.raw`^(?:https://|http://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?:[:/]|$))`

/** A URL without credentials, query and fragment; https, or http to a loopback address. */
export const secureUrl = z
  .string()
  .superRefine((value, context) => {
    const problem = findUrlProblem(value)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
  .meta({ pattern: securePattern })

function findUrlProblem(value: string): string | null {
  if (!URL.canParse(value)) return 'expected a URL such as https://api.example.com'
  const url = new URL(value)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname)))
    return 'expected an https URL; plain http is accepted for loopback addresses alone'
  if (url.username !== '' || url.password !== '') return 'expected a URL without credentials in it'
  if (url.search !== '' || url.hash !== '') return 'expected a URL without a query or a fragment'
  return null
}
