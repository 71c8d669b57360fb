/** What the parser of the command line prints: the help of a command below its options, and mistakes. */
import { InvalidArgumentError } from 'commander'

/** Of `serve`. */
export const variablesHelp = `
Further variables: TOKENGRAPH_HOST (default: 0.0.0.0; 127.0.0.1 in development mode), LOG_LEVEL (default: info), those of
OpenTelemetry, and whatever the configuration names as \${NAME}; NAME_FILE names a file with the value.`

/** Of `vault import`; written as it is, because a record is one line. A test holds it against the schema of records. */
export const recordHelp = `
The input is NDJSON, one record on a line, or one JSON array of records:

  {"user_id":"user_1","provider":"google","external_account_id":"1234","token":"ya29...","expires_at":1893456000}

Required:  user_id, provider, external_account_id, token
Optional:  refresh_token, client (the OAuth client of the configuration that refreshes it), expires_at (Unix seconds),
           scopes (an array), id_token, token_secret, provider_user_id, label, public_metadata (an object),
           email_address, username, first_name, last_name, image_url, extras (an object of strings), object

A record of a known account takes its place: what it leaves out is emptied, but for refresh_token, client, extras and the
fields of the profile (email_address to image_url), which stay. Nothing is written while one record is not valid.`

/** Messages of commander without the values that they repeat: one in the wrong place may be a secret. */
export function withoutValues(text: string): string {
  return text
    .replace(/^(error: unknown option '[^'=]*)=.*/, "$1'")
    .replace(/^(error: option '[^']*') argument '[^]*' is invalid\. /, '$1: ')
    .replace(/^error: command-argument value '[^]*' is invalid for argument ('[^']*')\. /, 'error: argument $1: ')
    .replace(/^(error: too many arguments[^]*? Expected \d+ arguments?) but[^]*/, '$1.\n')
}

/** The argument of `--port`. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('expected a whole number from 0 to 65535.')
  return port
}
