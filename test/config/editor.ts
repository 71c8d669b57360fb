/** What an editor says of a file: an ordinary YAML parser, and the published JSON Schema. */
import { readFileSync } from 'node:fs'
import Ajv from 'ajv'
import { parseDocument } from 'yaml'

/** The first line of a configuration that an editor is to complete and check. */
export const schemaLine = '# yaml-language-server: $schema=https://unpkg.com/tokengraph/tokengraph.schema.json'

const published: unknown = JSON.parse(readFileSync(new URL('../../tokengraph.schema.json', import.meta.url), 'utf8'))
const validate = new Ajv({ allErrors: true }).compile(published as object)

/** One line for each problem, such as `.listen.port should be integer`. Throws where the text is not YAML. */
export function editorProblems(text: string): string[] {
  const document = parseDocument(text)
  for (const error of document.errors) throw error
  void validate(document.toJS())
  return (validate.errors ?? []).map(({ dataPath, message = '' }) => `${dataPath} ${message}`)
}
