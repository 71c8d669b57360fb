/**
 * Where a value of the configuration comes from when it is not in the file: an environment variable, or a file that holds
 * nothing else, as secrets of Docker and Kubernetes are mounted.
 */
import { readFileSync } from 'node:fs'
import { whyNot } from '../lib/files.ts'
import { didYouMean } from '../lib/issues.ts'

export type Found = { readonly value: string } | { readonly problem: string }

const variableName = /^[A-Za-z_]\w*$/
/** Names that are longer are not shown: a secret may have been pasted where its name belongs. */
const MAX_SHOWN_NAME = 40
const FILE = 'file:'
/** Bytes; keys and certificates are smaller. */
const MAX_BYTES = 65_536

/** The value of `${NAME}` or `${file:PATH}`, by what stands between the braces. */
export function findValue(reference: string, env: NodeJS.ProcessEnv): Found {
  if (reference.startsWith(FILE)) return readValue(reference.slice(FILE.length))
  if (!variableName.test(reference))
    return {
      problem:
        'expected ${NAME} with the name of an environment variable, or ${file:PATH}; write $${ for the characters themselves',
    }
  return findVariable(reference, env)
}

/** A variable, or the text of the file that `NAME_FILE` names. An empty variable counts as not set. */
export function findVariable(name: string, env: NodeJS.ProcessEnv): Found {
  const [value, file] = [env[name], env[`${name}_FILE`]]
  const hasFile = file !== undefined && file !== ''
  if (value !== undefined && value !== '')
    return hasFile ? { problem: `both ${name} and ${name}_FILE are set; set one of them` } : { value }
  if (hasFile) {
    const found = readValue(file)
    return 'problem' in found ? { problem: `${name}_FILE: ${found.problem}` } : found
  }
  if (name.length > MAX_SHOWN_NAME) return { problem: 'no environment variable has this long name' }
  if (value === '') return { problem: `the environment variable ${name} is empty` }
  return { problem: `the environment variable ${name} is not set${didYouMean(name, Object.keys(env))}` }
}

/** The whole text of a file without the line break that editors and `echo` leave at its end. */
function readValue(path: string): Found {
  if (path === '') return { problem: 'expected ${file:PATH} with the path of a file' }
  try {
    const bytes = readFileSync(path)
    if (bytes.length > MAX_BYTES) return { problem: `the file ${path} is larger than 64 KiB` }
    const value = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return value === '' ? { problem: `the file ${path} is empty` } : { value }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { problem: `the file ${path} is not UTF-8 text` }
    return { problem: `the file ${path} cannot be read: ${whyNot(error) ?? 'unknown error'}` }
  }
}
