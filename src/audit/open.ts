/** Opens the configured audit; the server does not start without it. */
import type { Log } from '../log.ts'
import { createAudit, noAudit } from './log.ts'
import type { Audit } from './log.ts'
import type { AuditConfig } from './options.ts'
import { createAuditKeys } from './record.ts'
import { openFileSink } from './sink-file.ts'
import { openStreamSink } from './sink-stdout.ts'

const STDOUT = 1

/** Rejects with a message for the operator when the sink cannot be continued. */
export async function openAudit(config: AuditConfig, log: Log): Promise<Audit> {
  if (config.sink === 'none') return noAudit
  const keys = createAuditKeys(config.key)
  if (config.key === null)
    log.warn(
      { sink: config.sink },
      'the audit has no key: set audit.key to chain its records and to fingerprint tokens',
    )
  const sink = config.sink === 'file' ? await openFileSink(config, keys) : openStreamSink(STDOUT)
  const audit = createAudit(sink, keys)
  if (sink.recovered.length > 0) log.warn({ recovered: sink.recovered }, 'half a record was moved aside')
  await audit.write(sink.recovered)
  log.info({ sink: config.sink, ...audit.head() }, 'audit')
  return audit
}
