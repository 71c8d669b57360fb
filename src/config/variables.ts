/**
 * `${NAME}` in the values of the file. Putting the values into the text before it is parsed would let a variable
 * add YAML of its own and would show secrets in syntax errors. So the braces, which YAML reads as a mapping inside
 * `{ … }`, are hidden behind two private-use characters of the same length, the text is parsed, and the variables
 * are read into the parsed strings; lines and columns stay as they are.
 */
import { didYouMean } from './suggest.ts'

const OPEN = '\uE000'
const CLOSE = '\uE001'
const reference = /\$\{([^{}\s"',[\]]*)\}/g
const expansion = /\$\$\{|\$\{([^}]*)(\}?)/g
const variableName = /^[A-Za-z_]\w*$/
const MAX_SHOWN_NAME = 40

/** Whether the text holds one of the two characters that `hideBraces` needs for itself: its offset, or -1. */
export function findReserved(text: string): number {
  return text.search(/[\uE000\uE001]/)
}

/** The text with the braces of every `${NAME}` hidden; the length does not change. */
export function hideBraces(text: string): string {
  return text.replace(reference, (_match, name: string) => `$${OPEN}${name}${CLOSE}`)
}

/** The opposite, for a parsed string. */
function showBraces(text: string): string {
  return text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')
}

/** Whether a parsed string refers to a variable. */
export function hasVariable(text: string): boolean {
  return showBraces(text).includes('${')
}

export interface Expanded {
  readonly value: string
  /** The whole string is one variable: it may become a number or a boolean where one is expected. */
  readonly exact: boolean
  /** The values that were put in. */
  readonly values: readonly string[]
  /** One message for each variable that cannot be read. */
  readonly problems: readonly string[]
}

/** A parsed string with its variables replaced; `$${NAME}` stays as the text `${NAME}`. */
export function expandVariables(text: string, env: NodeJS.ProcessEnv): Expanded {
  const shown = showBraces(text)
  const problems: string[] = []
  const values: string[] = []
  const value = shown.replace(expansion, (_match: string, name: string | undefined, end: string | undefined) => {
    if (name === undefined) return '${'
    const found = end === '' || !variableName.test(name) ? undefined : env[name]
    if (found !== undefined && found !== '') {
      values.push(found)
      return found
    }
    problems.push(explain(name, end, found, env))
    return ''
  })
  return { value, exact: /^\$\{[^}]*\}$/.test(shown), values, problems }
}

function explain(name: string, end: string | undefined, found: string | undefined, env: NodeJS.ProcessEnv): string {
  if (end === '' || !variableName.test(name))
    return 'expected ${NAME} with the name of an environment variable; write $${ for the characters themselves'
  // A secret that was pasted where its name belongs is longer than names are.
  if (name.length > MAX_SHOWN_NAME) return 'no environment variable has this long name'
  if (found === '') return `the environment variable ${name} is empty`
  return `the environment variable ${name} is not set${didYouMean(name, Object.keys(env))}`
}
