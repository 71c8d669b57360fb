/** What is running: for `--version`, the log and the metrics. */
import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string
}

/** Of this package, as `0.1.0`. */
export const VERSION: string = version
