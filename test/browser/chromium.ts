/** A real headless Chromium that `npm ci` brought; the machine needs none, nor any of its libraries. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

const root = join(import.meta.dirname, '../..')
const cache = join(root, 'node_modules/.cache')

// None of the package's own flags: they are for AWS Lambda and switch web security off, which is what is tested here.
const flags = [
  '--no-sandbox', // a container's root cannot have the sandbox
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--font-render-hinting=none',
]

/** With a profile of its own that goes away when it closes. */
export async function launchChromium(): Promise<Browser> {
  const folder = await unpackOnce()
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    args: flags,
    env: {
      LD_LIBRARY_PATH: join(folder, 'al2023/lib'),
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
      HOME: folder,
      NO_PROXY: '*',
    },
  })
}

/** Unpacked once for each version (200 MB, some seconds); a renamed folder is complete, whoever wrote it. */
async function unpackOnce(): Promise<string> {
  const manifest = readFileSync(join(root, 'node_modules/@sparticuz/chromium/package.json'), 'utf8')
  const folder = join(cache, `chromium-${(JSON.parse(manifest) as { version: string }).version}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const unpacked = mkdtempSync(join(cache, 'unpacking-'))
  // The variable makes the package unpack its shared libraries, too.
  const env = { ...process.env, TMPDIR: unpacked, AWS_LAMBDA_JS_RUNTIME: 'nodejs24.x' }
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'unpack.ts')], { env })
  // Without a font Chromium ends itself; its own configuration names folders of AWS Lambda.
  writeFileSync(join(unpacked, 'fonts.conf'), fontConfiguration(folder))
  try {
    renameSync(unpacked, folder)
  } catch {
    // Another test was faster.
    rmSync(unpacked, { recursive: true, force: true })
  }
  return folder
}

function fontConfiguration(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(folder, 'font-cache')}</cachedir>
</fontconfig>
`
}
