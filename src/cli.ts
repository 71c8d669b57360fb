#!/usr/bin/env node
/** The command line: parses the arguments and calls one function per command, which is imported when it runs. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Argument, Command, CommanderError, Option } from 'commander'
import type { Store } from './upstreams/vault/store/store.ts'
import type { Shell } from './commands/completion.ts'
import { parsePort, recordHelp, variablesHelp, withoutValues } from './commands/help.ts'
import type { SchemaForm } from './commands/schema.ts'
import type * as VaultCommands from './commands/vault.ts'
import type { SourceFlags } from './commands/vault-sources.ts'
import { createProgress, describeFailure, exitCodes, openOutput, UnableError, UsageError } from './commands/terminal.ts'
import type { Format } from './commands/terminal.ts'
import { VERSION } from './version.ts'

// Beside the dependencies, and not in the shared temporary folder, where another user could plant code.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/tokengraph', import.meta.url)))

const config = ['--config <file>', 'the configuration file, in YAML (env: TOKENGRAPH_CONFIG)'] as const
const upstream = ['--upstream <name>', 'which vault, where several are configured (default: the only one)'] as const
const user = ['--user <id>', 'the user'] as const
const provider = ['--provider <name>', 'the provider, as oauth_google or google'] as const
const shells = ['bash', 'zsh', 'fish'] as const
const format = (): Option =>
  new Option('--format <format>', 'text, or one JSON object').choices(['text', 'json']).default('text')
const output = openOutput(process, (message) => {
  process.stderr.write(`${message}\n`)
  process.exit(exitCodes.unable)
})

interface VaultFlags {
  readonly config?: string
  readonly upstream?: string
}

const program = new Command('tokengraph')
  .description("One GraphQL graph over every place that holds your users' OAuth access tokens.")
  .version(`tokengraph ${VERSION} (Node ${process.version})`, '-V, --version', 'print the version')
  .option('--env-file <file>', 'more environment variables, one NAME=value on a line')
  .showHelpAfterError('Add --help to see what there is.')
  .configureOutput({
    outputError: (text, write) => {
      write(withoutValues(text))
    },
  })
  // Inherited by every command: the end of this file chooses the exit code.
  .exitOverride()

program
  .command('serve')
  .description('run the server; without any configuration in development mode, with a demo vault')
  .option(...config)
  .option('--port <number>', 'the port to listen on; 0: any free one (default: 4000) (env: PORT)', parsePort)
  .addHelpText('after', variablesHelp)
  .action(async (flags: { config?: string; port?: number }) => {
    const { serve } = await import('./commands/serve.ts')
    await serve({ file: flags.config ?? null, port: flags.port ?? null, env: await environment() }, output)
  })

program
  .command('init')
  .description('write a configuration to start from, with keys of its own; overwrites nothing')
  .argument('[file]', 'where it is written', 'tokengraph.yaml')
  .option('--platform <name>', 'what holds the tokens', 'vault')
  .option('--service <id>', 'the service that may read them', 'my-service')
  .action(async (file: string, flags: { platform: string; service: string }) => {
    const { initialize } = await import('./commands/init.ts')
    process.exitCode = initialize({ file, ...flags }, output)
  })

program
  .command('schema')
  .description('print the schema as clients see it')
  .option('--subgraph', 'the Federation SDL instead')
  .option('--no-authenticated', 'leave @authenticated out of the Federation SDL')
  .option('--entities-only', 'leave the root fields out of the Federation SDL')
  .addOption(
    new Option('--federation <version>', 'the version of Federation that the SDL is for (default: 2.9)').choices([
      '2.3',
      '2.5',
      '2.9',
    ]),
  )
  .addOption(
    new Option('--introspection', 'an introspection result in JSON instead, for tools that read no SDL').conflicts(
      'subgraph',
    ),
  )
  .action(async (flags: SchemaForm) => {
    const { printSchema } = await import('./commands/schema.ts')
    process.exitCode = printSchema(flags, output)
  })

program
  .command('check-config')
  .description('say what is wrong with the configuration, or what takes effect')
  .option(...config)
  .addOption(format())
  .action(async (flags: { config?: string; format: Format }) => {
    const { checkConfig } = await import('./commands/check-config.ts')
    const options = { file: flags.config ?? null, env: await environment(), format: flags.format }
    process.exitCode = await checkConfig(options, output)
  })

program
  .command('completion')
  .description('print a script that completes commands and options in a shell')
  .addArgument(new Argument('<shell>', 'which shell').choices(shells))
  .action(async (shell: Shell) => {
    const { printCompletion } = await import('./commands/completion.ts')
    process.exitCode = printCompletion(program, shell, output)
  })

program
  .command('health')
  .description('ask the running server whether it is ready; exits with 1 where it is not')
  .option(...config)
  .option('--url <url>', 'its address (default: that of the configuration, such as http://127.0.0.1:4000)')
  .action(async (flags: { config?: string; url?: string }) => {
    const { checkHealth } = await import('./commands/health.ts')
    const options = { file: flags.config ?? null, url: flags.url ?? null, env: await environment() }
    process.exitCode = await checkHealth(options, output)
  })

program
  .command('config')
  .description('the configuration file')
  .command('schema')
  .description('print its JSON Schema, for editors')
  .action(async () => {
    const { printConfigSchema } = await import('./commands/check-config.ts')
    process.exitCode = printConfigSchema(output)
  })

program
  .command('keys')
  .description('service keys')
  .command('new')
  .description('make a service key, with the lines for the configuration')
  .option('--id <id>', 'the id of the service', 'my-service')
  .addOption(format())
  .action(async (flags: { id: string; format: Format }) => {
    const { newKey } = await import('./commands/keys.ts')
    process.exitCode = newKey(flags, output)
  })

const audit = program.command('audit').description('the record of every decision about a token')

audit
  .command('verify [files...]')
  .description('check that the records are whole, and name the first that is not; left out: the configured file')
  .option(...config)
  .option('--partial', 'the oldest files were removed on purpose')
  .option('--stream', 'collected standard output: other lines between, and a chain for each run')
  .addOption(format())
  .action(async (files: string[], flags: { config?: string; partial?: boolean; stream?: boolean; format: Format }) => {
    const { verifyAudit } = await import('./commands/audit.ts')
    const options = { partial: flags.partial === true, stream: flags.stream === true, format: flags.format }
    process.exitCode = await verifyAudit(await auditConfig(flags.config ?? null), files, options, output)
  })

audit
  .command('fingerprint')
  .description('print by what the token on standard input stands in the records')
  .option(...config)
  .action(async (flags: { config?: string }) => {
    const { printFingerprint } = await import('./commands/audit.ts')
    if (process.stdin.isTTY) output.err.write('Type the token, then Enter and Ctrl-D.\n')
    process.exitCode = await printFingerprint(await auditConfig(flags.config ?? null), process.stdin, output)
  })

const providers = program
  .command('providers')
  .description('list the OAuth providers that the vault knows')
  .option('--json', 'one JSON object on each line')
  .action(async (flags: { json?: boolean }) => {
    const { listProviders } = await import('./commands/providers.ts')
    process.exitCode = listProviders(flags, output)
  })

providers
  .command('show <id>')
  .description('print what is known of a provider, in YAML')
  .action(async (id: string) => {
    const { showProvider } = await import('./commands/providers.ts')
    process.exitCode = showProvider(id, output)
  })

const vault = program
  .command('vault')
  .description('the embedded vault: the configured one, or that of development mode')

vault
  .command('import [file]')
  .description('write accounts from a JSON array or NDJSON; - reads standard input; all or nothing')
  .option(...config)
  .option(...upstream)
  .option('--from <upstream>', 'in the place of a file: what an upstream of better-auth, Clerk or Nango holds')
  .option('--client <name...>', 'with --from: which client the tokens belong to; their-name=name for one of theirs')
  .option('--dry-run', 'with --from: say what would be written')
  .addHelpText('after', recordHelp)
  .action(async (file: string | undefined, flags: VaultFlags & { from?: string } & SourceFlags) => {
    const { from } = flags
    if ((from === undefined) === (file === undefined) || file === '')
      throw new UsageError('vault import: give a file, - for standard input, or --from; one of them.')
    if (file !== undefined) {
      if (flags.dryRun === true || flags.client !== undefined)
        throw new UsageError(
          'vault import: --dry-run and --client go with --from; a file is checked before it is written.',
        )
      await importFile(file, flags)
      return
    }
    await withVault(flags, async (_, store) => {
      const { importFrom, openSource } = await import('./commands/vault-sources.ts')
      const source = await openSource({ file: flags.config ?? null, from: from ?? '', env: await environment() })
      return importFrom(store, source, flags, output)
    })
  })

vault
  .command('list')
  .description('list accounts, without their secrets')
  .option(...config)
  .option(...upstream)
  .option(...user)
  .option(...provider)
  .option('--json', 'one JSON object on each line')
  .action(async (flags: VaultFlags & { user?: string; provider?: string; json?: boolean }) => {
    await withVault(flags, ({ listAccounts }, store) => listAccounts(store, flags, output))
  })

vault
  .command('remove')
  .description('remove the accounts of a user')
  .option(...config)
  .option(...upstream)
  .requiredOption('--user <id>', 'the user (required)')
  .option(...provider)
  .option('--account <id>', 'only this connected account')
  .action(async (flags: VaultFlags & { user: string; provider?: string; account?: string }) => {
    await withVault(flags, ({ removeAccounts }, store) => removeAccounts(store, flags, output))
  })

vault
  .command('rotate-keys')
  .description('re-wrap every account under the first key of the ring; can be stopped and run again')
  .option(...config)
  .option(...upstream)
  .action(async (flags: VaultFlags) => {
    await withVault(flags, ({ rotateKeys }, store) => rotateKeys(store, output))
  })

vault
  .command('status')
  .description('how the accounts are doing, and which clients a provider refuses')
  .option(...config)
  .option(...upstream)
  .option('--json', 'one JSON object, as --format json')
  .addOption(format())
  .action(async (flags: VaultFlags & { json?: boolean; format: Format }) => {
    const json = flags.json === true || flags.format === 'json'
    await withVault(flags, ({ printStatus }, store) => printStatus(store, { json }, output))
  })

vault
  .command('copy')
  .description('copy every account into another configured vault; can run while it is in use, and again')
  .option(...config)
  .requiredOption('--from <name>', 'the vault to read, as the configuration names it (required)')
  .requiredOption('--to <name>', 'the vault to write (required)')
  .option('--prune', 'remove accounts from the target that the source does not have')
  .action(async ({ config: file, from, to, ...flags }: CopyCommand) => {
    const common = file === undefined ? {} : { config: file }
    await withVault({ ...common, upstream: from }, (_, source) =>
      withVault({ ...common, upstream: to }, ({ copyVault }, target) => copyVault(source, target, flags, output)),
    )
  })

interface CopyCommand {
  readonly config?: string
  readonly from: string
  readonly to: string
  readonly prune?: boolean
}

// Waits of upstreams keep no process alive, as a server has its port for that; a command ends when its work does.
const alive = setInterval(() => undefined, 60_000)
try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // It has printed what is wrong, or what was asked for.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  } else {
    const { message, code } = describeFailure(error)
    output.err.write(`${message}\n`)
    process.exitCode = code
  }
} finally {
  clearInterval(alive)
}

async function environment() {
  const { readEnvironment } = await import('./config/load.ts')
  return readEnvironment(program.opts<{ envFile?: string }>().envFile ?? null)
}

async function auditConfig(file: string | null) {
  const { loadConfig } = await import('./config/load.ts')
  return loadConfig({ file, env: await environment() }).audit
}

/** Opens the vault for one command and closes it after; the command returns the exit code. */
async function withVault<Code extends 0 | 1>(
  flags: VaultFlags,
  work: (commands: typeof VaultCommands, store: Store) => Promise<Code>,
): Promise<Code> {
  const commands = await import('./commands/vault.ts')
  const { config: file = null, upstream: name = null } = flags
  const store = await commands.openConfiguredVault({ file, upstream: name, env: await environment() })
  try {
    const code = await work(commands, store)
    process.exitCode = code
    return code
  } catch (error) {
    // What the database did is not the operator's mistake.
    const isOfDatabase = error instanceof Error && store.sql.explain(error.cause) !== null
    throw isOfDatabase ? new UnableError(error.message, { cause: error }) : error
  } finally {
    await store.close()
  }
}

/** The file is opened first: where there is none, no vault is made. */
async function importFile(file: string, flags: VaultFlags): Promise<void> {
  const { keepHeapSmall } = await import('./commands/heap.ts')
  keepHeapSmall()
  const { openImport } = await import('./commands/import-source.ts')
  const { importAccounts } = await import('./commands/vault-import.ts')
  const progress = createProgress(output.err, 'Reading bytes')
  const source = await openImport(file, progress.update).finally(progress.end)
  try {
    await withVault(flags, (_, store) => importAccounts(store, source, output))
  } finally {
    await source.close()
  }
}
