import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startDevelopment } from '../clients/development.ts'
import { builtCommand } from '../kit/built.ts'
import { execForm, lintContainerfile, parseContainerfile } from './containerfile.ts'
import { manifest, root } from './lockfile.ts'

const read = (file: string): string => readFileSync(new URL(file, root), 'utf8')
const cli = builtCommand()
const text = read('Containerfile')
const instructions = parseContainerfile(text)

describe('the container file', () => {
  it('keeps every rule', () => {
    expect(lintContainerfile(text)).toEqual([])
  })

  it.each([
    ['COPY src ./src', 'ADD src ./src', 'an instruction that is not on the list (ADD fetches and unpacks)'],
    [/node:24\S+ AS build/, 'node:latest AS build', 'an image that is not pinned'],
    ['RUN npm ci --ignore-scripts', 'RUN curl -s example.com | sh', 'something is fetched outside npm'],
    ['RUN npm ci --ignore-scripts', 'RUN npm install', 'npm without the lockfile, or with install scripts'],
    ['USER node', 'RUN npm ci --ignore-scripts\nUSER node', 'the last stage installs'],
    ['--omit=dev', '--force', 'no stage with the production packages alone'],
    ['--from=build', '--from=elsewhere', 'a copy from elsewhere'],
    ['USER node', 'USER root', 'the server runs as root'],
    [/USER node\n([^]*)/, '$1USER node\n', 'USER comes after ENTRYPOINT'],
    ['CMD ["serve"]', 'CMD serve', 'ENTRYPOINT or CMD is missing or in shell form'],
    [/HEALTHCHECK.*\n/, '', 'HEALTHCHECK is missing or in shell form'],
    ['ENV NODE_ENV=production', 'ENV CLERK_SECRET_KEY=invented', 'a secret in the image'],
  ])('%s → %s is found', (from, to, sentence) => {
    const broken = text.replace(from, to)
    expect(broken).not.toBe(text)
    expect(lintContainerfile(broken)).toEqual([sentence])
  })

  it('runs the Node that the project is tested with', () => {
    const images = instructions.filter(({ name }) => name === 'FROM').map(({ value }) => value.split(' ')[0])
    expect(new Set(images)).toEqual(new Set([`node:${manifest.devDependencies.node ?? 'no version'}-bookworm-slim`]))
  })

  it('copies what is there, and what the list lets into the build', () => {
    const allowed = read('.containerignore')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))
    const copied = instructions
      .filter(({ name, value }) => name === 'COPY' && !value.startsWith('--from='))
      .flatMap(({ value }) => value.split(' ').slice(0, -1))
    expect(copied.filter((file) => !existsSync(new URL(file, root)))).toEqual([])
    expect(new Set(copied)).toEqual(new Set(allowed))
  })

  it('lets nothing else into the build, under either name of the list', () => {
    const lines = read('.containerignore').split('\n')
    expect(lines.filter((line) => !/^(#.*|![A-Za-z][A-Za-z.-]*|)$/.test(line))).toEqual(['*'])
    expect(read('.dockerignore')).toBe(read('.containerignore'))
  })
})

describe('its health check', () => {
  const { value = '' } = instructions.find(({ name }) => name === 'HEALTHCHECK') ?? {}
  const [, ...inside] = execForm(value.replace(/^(--\S+\s+)*CMD\s+/, '')) ?? []
  // The same command, out of the sources.
  const words = inside.map((word) => (word === '/app/dist/cli.js' ? cli : word))
  /** Its exit code, with the port in the environment as a container has it. */
  const check = (port: number): Promise<number> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, words, { env: { PORT: String(port) } })
      child.on('exit', (code) => {
        resolve(code ?? -1)
      })
    })

  it('is 0 while the server lives, and 1 when nothing listens', async () => {
    const server = await startDevelopment()
    const port = Number(new URL(server.graph).port)
    expect(await check(port)).toBe(0)
    await server[Symbol.asyncDispose]()
    expect(await check(port)).toBe(1)
  })

  it('is 1 when the server answers with a failure', async () => {
    const failing = createServer((_, response) => response.writeHead(503).end())
    await new Promise<void>((resolve) => failing.listen(0, '127.0.0.1', resolve))
    expect(await check((failing.address() as AddressInfo).port)).toBe(1)
    failing.closeAllConnections()
    failing.close()
  })
})
