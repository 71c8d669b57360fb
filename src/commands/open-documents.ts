/** Reads and checks the registered documents before the server starts, so that every one of them can be executed. */
import { ConfigError } from '../config.ts'
import type { Config } from '../config.ts'
import type { Problem } from '../config/problems.ts'
import { readConfigFile } from '../config/read-file.ts'
import { schema } from '../schema/index.ts'
import { createCheckDocument } from '../server/documents/check-documents.ts'
import { idText, readManifest } from '../server/documents/manifest.ts'
import type { TrustedDocuments } from '../server/plugins/use-trusted-documents.ts'

const MAX_MEBIBYTES = 16

/** null: none are configured. Throws one `ConfigError` that names every file, document and mistake. */
export function openDocuments({
  documents: config,
  limits,
}: Pick<Config, 'documents' | 'limits'>): TrustedDocuments | null {
  if (config === null) return null
  const check = createCheckDocument(schema, limits)
  const documents = new Map<string, string>()
  const problems: Problem[] = []
  for (const file of config.manifests) {
    const report = (path: string, message: string) =>
      void problems.push({ where: file, path, line: null, column: null, message })
    const { entries, mistakes } = readManifest(readConfigFile(file, 'documents.manifest', MAX_MEBIBYTES))
    for (const { of, message } of mistakes) report(of, message)
    for (const { id, text } of entries) {
      const known = documents.get(id)
      // Two clients may well share a document.
      if (known !== undefined && known !== text) report(idText(id), 'another manifest has another document of this id')
      for (const message of check(text)) report(idText(id), message)
      documents.set(id, text)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { documents, mode: config.mode, free_services: config.free_services }
}
