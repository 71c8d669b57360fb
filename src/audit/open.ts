/** Opens the audit that the configuration asks for. The server does not start without it. */
import { reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { createAudit, entryText } from './log.ts'
import type { Audit } from './log.ts'
import type { AuditConfig } from './options.ts'
import { createAuditKeys, genesis } from './record.ts'
import { openFileSink } from './sink-file.ts'
import { openStreamSink } from './sink-stdout.ts'

const STDOUT = 1

/** Records nothing, for `audit.sink: none`. */
const noAudit: Audit = {
  keys: createAuditKeys(null),
  write: () => Promise.resolve(),
  head: () => genesis,
  close: () => Promise.resolve(),
}

/** Rejects with a message for the operator when the chain of the sink cannot be continued. */
export async function openAudit(config: AuditConfig, log: Log): Promise<Audit> {
  if (config.sink === 'none') return noAudit
  const keys = createAuditKeys(config.key)
  if (config.key === null)
    log.warn(
      { sink: config.sink },
      'the audit has no key: set audit.key to chain its records and to fingerprint tokens',
    )
  const sink =
    config.sink === 'file'
      ? await openFileSink(config, keys)
      : await openStreamSink({ fd: STDOUT, headPath: config.head_path })
  const audit = createAudit(sink, keys)
  if (sink.recovered.length > 0)
    log.warn({ recovered: sink.recovered }, 'the rest of an incomplete write was moved aside')
  try {
    await audit.write([...sink.opening, ...sink.recovered].map(entryText))
    await sink.opened?.(audit.head())
  } catch (error) {
    if (config.sink === 'file') throw error
    // Nothing that has to be recorded is answered, and the probes say that the process is alive.
    log.error({ sink: config.sink, reason: reasonOf(error) ?? undefined, error }, 'the audit cannot be written')
  }
  log.info({ sink: config.sink, ...audit.head() }, 'audit')
  return audit
}
