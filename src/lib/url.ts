/** URLs in the configuration: https, or plain http to a loopback address or an upstream that the operator names. */
import { z } from 'zod'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Whether a hostname, as `URL.hostname` prints it, is a loopback address. */
export function isLoopback(hostname: string): boolean {
  return loopback.test(hostname)
}

/** What of the rules JSON Schema can say, for editors. */
const urlPattern = '^https?://'
const securePattern = String.raw`^(?:https://|http://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?:[:/]|$))`

/** A URL without credentials, query and fragment; https, or http to a loopback address. */
export const secureUrl = urlOption(
  isSecure,
  'expected an https URL; plain http is accepted for loopback addresses alone',
).meta({ pattern: securePattern })

/**
 * The URL of a platform, in an option whose name ends in `_url`: as `secureUrl`, or http to any host. `config/rules.ts`
 * refuses http where `allow_http` does not name the upstream, and `upstreams/http/address.ts` refuses to connect.
 */
export const upstreamUrl = urlOption(
  ({ protocol }) => protocol === 'https:' || protocol === 'http:',
  'expected an https URL',
).meta({ pattern: urlPattern })

/** Whether what is sent to the URL cannot be read on the way: https, or a loopback address. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

function urlOption(isAccepted: (url: URL) => boolean, message: string) {
  return z.string().superRefine((value, context) => {
    const problem = URL.canParse(value)
      ? findUrlProblem(new URL(value), isAccepted, message)
      : 'expected a URL such as https://api.example.com'
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
}

function findUrlProblem(url: URL, isAccepted: (url: URL) => boolean, message: string): string | null {
  if (!isAccepted(url)) return message
  if (url.username !== '' || url.password !== '') return 'expected a URL without credentials in it'
  if (url.search !== '' || url.hash !== '') return 'expected a URL without a query or a fragment'
  return null
}

/** Without slashes at its end, so that a path can follow. */
export function withoutTrailingSlashes(url: string): string {
  let end = url.length
  while (url.endsWith('/', end)) end--
  return url.slice(0, end)
}
